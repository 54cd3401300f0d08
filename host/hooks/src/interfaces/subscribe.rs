//! `subscribe`: what the plugin wants to be called for.

use crate::{
    bindings::{subscribe, types::Error},
    columns::{Column, Values},
    flow::FLOW_FIELDS,
    packet::PACKET_FIELDS,
    state::{ItemsAs, State, Subscription},
};
use hookline_item::{Field, Kind, Path, Step};
use hookline_kfl::{Filter, Settings};
use std::time::Duration;

/// Columns of one subscription.
const FIELDS_MAX: usize = 64;
/// Subscriptions of one plugin.
const SUBSCRIPTIONS_MAX: usize = 32;
const DELAY_DEFAULT_MS: u32 = 5;

impl State {
    fn subscribe(
        &self,
        wanted: subscribe::Subscription,
        id: usize,
        parse: fn(&Settings, &str) -> Result<Filter, hookline_kfl::Error>,
        kind_of: &dyn Fn(&Path) -> Option<Kind>,
    ) -> Result<(Subscription, subscribe::Opened), Error> {
        if self.subscriptions.open.is_none() {
            return Err(Error::Invalid("subscribe in on-init".to_owned()));
        }
        if id >= SUBSCRIPTIONS_MAX {
            return Err(Error::Quota(format!("a plugin may have {SUBSCRIPTIONS_MAX} subscriptions")));
        }
        if wanted.fields.len() > FIELDS_MAX {
            return Err(Error::Invalid(format!("{} fields; at most {FIELDS_MAX}", wanted.fields.len())));
        }
        let filter = parse(&self.around.filters, &wanted.filter).map_err(|e| Error::Invalid(format!("filter {:?}: {e}", wanted.filter)))?;
        if filter.redacts() || filter.limit().is_some() {
            let what = "redact() and limit() are for what is shown to people; a plugin's filter says which items it gets";
            return Err(Error::Invalid(format!("filter {:?}: {what}", wanted.filter)));
        }
        let scope = self.identity.scope.as_deref();
        if let Some(scope) = scope {
            scope.check_filter(&filter).map_err(|e| Error::Denied(format!("filter {:?}: {e}", wanted.filter)))?;
        }
        let columns = wanted.fields.iter().map(|f| {
            let path: Path = f.parse().map_err(|e| Error::Invalid(format!("field {f:?}: {e}")))?;
            if let Some(scope) = scope {
                scope.check_path(&path).map_err(|e| Error::Denied(format!("field {e}")))?;
            }
            self.stats.reads(f);
            let kind = kind_of(&path);
            Ok(Column::new(path, Values::of(kind)))
        });
        let columns: Vec<Column> = columns.collect::<Result<_, Error>>()?;
        let or = |n: u32, default: u32| if n == 0 { default } else { n };
        let opened = subscribe::Opened { id: u32::try_from(id).unwrap_or(u32::MAX), kinds: columns.iter().map(Column::kind).collect() };
        let subscription = Subscription {
            id: opened.id,
            filter,
            columns,
            batch_max: wanted.max_batch as usize,
            delay_max: Duration::from_millis(or(wanted.max_delay_ms, DELAY_DEFAULT_MS).into()),
        };
        Ok((subscription, opened))
    }
}

impl subscribe::Host for State {
    fn items(&mut self, wanted: subscribe::Subscription) -> Result<subscribe::Opened, Error> {
        if self.subscriptions.open == Some(ItemsAs::Values) && !wanted.fields.is_empty() {
            return Err(Error::Invalid("items are given one by one, with every field of the record: name no fields".to_owned()));
        }
        let id = self.subscriptions.items.len();
        let (subscription, opened) = self.subscribe(wanted, id, Settings::parse, &*self.around.kind_of)?;
        self.subscriptions.items.push(subscription);
        Ok(opened)
    }

    fn packets(&mut self, wanted: subscribe::Subscription) -> Result<subscribe::Opened, Error> {
        self.check_sees_all("packets")?;
        let id = self.subscriptions.packets.len();
        let (subscription, opened) = self.subscribe(wanted, id, Settings::parse_for_any, &|path| kind_in(PACKET_FIELDS, path))?;
        self.subscriptions.packets.push(subscription);
        Ok(opened)
    }

    fn flows(&mut self, wanted: subscribe::Subscription) -> Result<subscribe::Opened, Error> {
        self.check_sees_all("flows")?;
        let id = self.subscriptions.flows.len();
        let (subscription, opened) = self.subscribe(wanted, id, Settings::parse_for_any, &|path| kind_in(FLOW_FIELDS, path))?;
        self.subscriptions.flows.push(subscription);
        Ok(opened)
    }

    fn queries(&mut self) -> Result<(), Error> {
        if self.subscriptions.open.is_none() {
            return Err(Error::Invalid("subscribe in on-init".to_owned()));
        }
        self.subscriptions.queries = true;
        Ok(())
    }
}

impl State {
    fn check_sees_all(&self, what: &str) -> Result<(), Error> {
        if self.identity.scope.as_ref().is_some_and(|scope| !scope.sees_all()) {
            let missing = format!("{what} are of no namespace: it needs a manifest and a policy without `data.namespaces`");
            return Err(Error::Denied(missing));
        }
        Ok(())
    }
}

/// The kind of the field at `path` in an object with these fields.
fn kind_in(mut fields: &[Field], path: &Path) -> Option<Kind> {
    let mut kind = None;
    for step in &path.steps {
        let Step::Name(name) = step else { return None };
        let field = fields.iter().find(|f| f.name == name)?;
        kind = Some(field.kind);
        fields = field.below.unwrap_or(&[]);
    }
    kind
}
