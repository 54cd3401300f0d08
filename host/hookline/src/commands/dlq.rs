//! `hookline dlq`: events that could not be delivered.

use crate::{
    cli::{Dlq, DlqCommand, DlqWhich},
    delivery::wall_clock,
    error::usage,
};
use anyhow::Context as _;
use hookline_bus::{Bus as _, DeadLetter, EmbeddedBus, Limits};
use serde_json::{Value, json};
use std::io::{self, Write};

/// What consumers of actions are called before the action's name.
const CONSUMER: &str = "action-";

pub(crate) fn run(args: &Dlq) -> anyhow::Result<()> {
    let file = args.data.join("events.sqlite");
    if !file.is_file() {
        return Err(usage(format!(
            "--data {}: there is no event queue: it is the folder that `hookline run` has as --data",
            args.data.display()
        )));
    }
    let bus = EmbeddedBus::open(Some(&file), Limits::default()).context("cannot open the event queue")?;
    let dead = bus.dead_letters(None, usize::MAX)?;
    let out = &mut io::stdout().lock();
    match &args.command {
        DlqCommand::Ls { action, json } => {
            let wanted = dead.iter().filter(|letter| action.as_ref().is_none_or(|action| action_of(letter) == action));
            for letter in wanted {
                if *json {
                    writeln!(out, "{}", whole(letter))?;
                } else {
                    let id: String = letter.event.id.chars().take(12).collect();
                    writeln!(
                        out,
                        "{id}  {}  {:<9}  {}  {} attempts: {}",
                        letter.at,
                        action_of(letter),
                        letter.event.plugin,
                        letter.attempts,
                        letter.reason
                    )?;
                }
            }
        }
        DlqCommand::Show { id } => {
            for letter in pick(&dead, &DlqWhich { id: Some(id.clone()), action: None, all: false })? {
                writeln!(out, "{}", serde_json::to_string_pretty(&whole(letter))?)?;
            }
        }
        DlqCommand::Retry(which) => {
            let now = wall_clock();
            let count = each(&dead, which, |letter| bus.retry_dead(&letter.consumer, &letter.event.id, now))?;
            writeln!(out, "{count} will be delivered again")?;
        }
        DlqCommand::Drop(which) => {
            let count = each(&dead, which, |letter| bus.drop_dead(&letter.consumer, &letter.event.id))?;
            writeln!(out, "{count} dropped")?;
        }
    }
    Ok(())
}

/// Does something with each that is meant; says with how many it was done.
fn each<E: std::error::Error + Send + Sync + 'static>(
    dead: &[DeadLetter],
    which: &DlqWhich,
    act: impl Fn(&DeadLetter) -> Result<bool, E>,
) -> anyhow::Result<usize> {
    let mut count = 0;
    for letter in pick(dead, which)? {
        // One that is gone meanwhile was somebody else's to decide.
        count += usize::from(act(letter)?);
    }
    Ok(count)
}

/// Those that are meant. An id is one event, which several actions may not have delivered.
fn pick<'a>(dead: &'a [DeadLetter], which: &DlqWhich) -> anyhow::Result<Vec<&'a DeadLetter>> {
    let Some(id) = &which.id else {
        let wanted = |letter: &&DeadLetter| which.all || which.action.as_ref().is_some_and(|action| action_of(letter) == action);
        return Ok(dead.iter().filter(wanted).collect());
    };
    let found: Vec<&DeadLetter> = dead.iter().filter(|letter| letter.event.id.starts_with(id.as_str())).collect();
    match found.first() {
        None => Err(usage(format!("no event that could not be delivered has an id that begins with {id}; `dlq ls` lists them"))),
        Some(first) if found.iter().any(|letter| letter.event.id != first.event.id) => {
            Err(usage(format!("the ids of {} events begin with {id}: give more of it", found.len())))
        }
        Some(_) => Ok(found),
    }
}

/// The action that could not deliver it.
fn action_of(letter: &DeadLetter) -> &str {
    letter.consumer.strip_prefix(CONSUMER).unwrap_or(&letter.consumer)
}

fn whole(letter: &DeadLetter) -> Value {
    let history: Vec<Value> = letter.history.iter().map(|f| json!({ "at": f.at.to_string(), "reason": f.reason })).collect();
    json!({
        "action": action_of(letter),
        "at": letter.at.to_string(),
        "reason": letter.reason,
        "attempts": letter.attempts,
        "history": history,
        "event": letter.event.to_cloud_event(),
    })
}
