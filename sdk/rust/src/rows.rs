//! Typed rows over columns.

use crate::bindings::hookline::hooks::{
    batch::ItemBatch,
    subscribe::{self, Subscription},
    types::{Column, Value},
};
use std::ops::Range;

/// A field's value in one row. A field that an item does not have reads as 0, false or "" — or as `None` where the cell is an `Option`.
pub trait Cell<'a>: Sized {
    /// The value in `column` at `index`.
    fn read(column: &'a Column, index: usize) -> Self;
}

impl<'a> Cell<'a> for Option<u64> {
    fn read(column: &'a Column, index: usize) -> Self {
        match column {
            Column::U64s(v) => v.get(index).copied().filter(|n| *n != u64::MAX),
            Column::S64s(v) => v.get(index).and_then(|n| u64::try_from(*n).ok()),
            Column::U8s(v) => v.get(index).filter(|n| **n != u8::MAX).map(|n| u64::from(*n)),
            Column::F64s(v) => v.get(index).filter(|n| **n >= 0.0).map(|n| *n as u64),
            Column::Texts(_) => <&str>::read(column, index).parse().ok(),
        }
    }
}
impl<'a> Cell<'a> for u64 {
    fn read(column: &'a Column, index: usize) -> Self {
        Option::<u64>::read(column, index).unwrap_or(0)
    }
}
impl<'a> Cell<'a> for Option<i64> {
    fn read(column: &'a Column, index: usize) -> Self {
        match column {
            Column::S64s(v) => v.get(index).copied().filter(|n| *n != i64::MIN),
            Column::Texts(_) => <&str>::read(column, index).parse().ok(),
            _ => Option::<u64>::read(column, index).and_then(|n| i64::try_from(n).ok()),
        }
    }
}
impl<'a> Cell<'a> for i64 {
    fn read(column: &'a Column, index: usize) -> Self {
        Option::<i64>::read(column, index).unwrap_or(0)
    }
}
impl<'a> Cell<'a> for f64 {
    fn read(column: &'a Column, index: usize) -> Self {
        match column {
            Column::F64s(v) => v.get(index).copied().unwrap_or(f64::NAN),
            _ => Option::<i64>::read(column, index).map_or(f64::NAN, |n| n as f64),
        }
    }
}
impl<'a> Cell<'a> for bool {
    fn read(column: &'a Column, index: usize) -> Self {
        matches!(column, Column::U8s(v) if v.get(index) == Some(&1))
    }
}
impl<'a> Cell<'a> for &'a str {
    fn read(column: &'a Column, index: usize) -> Self {
        let Column::Texts(texts) = column else { return "" };
        let start = index.checked_sub(1).and_then(|i| texts.ends.get(i)).copied().unwrap_or(0);
        let Some(end) = texts.ends.get(index) else { return "" };
        texts.bytes.get(start as usize..*end as usize).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or("")
    }
}

/// A struct with one cell per field that a plugin asks for. Made by [`row!`](crate::row).
pub trait Row {
    /// The KFL paths of the fields, in order.
    const FIELDS: &'static [&'static str];
    /// The row, borrowing from the columns.
    type At<'a>;
    /// The row at `index`.
    fn at(columns: &[Column], index: usize) -> Self::At<'_>;
}

/// Declares a row: its fields, their types and their paths.
///
/// ```ignore
/// row! {
///     struct Failure<'a> { status: u64 = "response.status", path: &'a str = "request.path" }
/// }
/// ```
#[macro_export]
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident<$life:lifetime> { $($field:ident: $t:ty = $path:literal),* $(,)? }) => {
        $(#[$meta])*
        $vis struct $name<$life> {
            $(pub $field: $t,)*
            #[doc(hidden)]
            pub row: std::marker::PhantomData<&$life ()>,
        }
        impl $crate::Row for $name<'_> {
            const FIELDS: &'static [&'static str] = &[$($path),*];
            type At<$life> = $name<$life>;
            #[allow(unused_variables, unused_mut)]
            fn at(columns: &[$crate::Column], index: usize) -> Self::At<'_> {
                static ABSENT: std::sync::OnceLock<$crate::Column> = std::sync::OnceLock::new();
                let absent = ABSENT.get_or_init(|| $crate::Column::U8s(Vec::new()));
                let mut columns = columns.iter();
                $name {
                    $($field: $crate::Cell::read(columns.next().unwrap_or(absent), index),)*
                    row: std::marker::PhantomData,
                }
            }
        }
    };
}

/// A subscription to items, being put together.
#[derive(Clone, Debug)]
pub struct Items {
    filter: String,
    max_batch: u32,
    max_delay_ms: u32,
}

impl Items {
    /// Items that match a KFL filter; the empty one matches all.
    #[must_use]
    pub fn matching(filter: &str) -> Self {
        Self { filter: filter.to_owned(), max_batch: 0, max_delay_ms: 0 }
    }

    /// At most so many items in a batch (default 256).
    #[must_use]
    pub fn batch(mut self, max: u32) -> Self {
        self.max_batch = max;
        self
    }

    /// A partial batch waits so many milliseconds at most (default 5).
    #[must_use]
    pub fn delay_ms(mut self, max: u32) -> Self {
        self.max_delay_ms = max;
        self
    }

    /// Subscribes, with the fields of the row `R`. Returns the subscription's number.
    ///
    /// # Errors
    /// The filter or a field is wrong: the text says which and where.
    pub fn rows<R: Row>(self) -> Result<u32, String> {
        subscribe::items(&self.wanted(R::FIELDS)).map(|o| o.id).map_err(|e| crate::text(&e))
    }

    fn wanted(self, fields: &[&str]) -> Subscription {
        Subscription {
            filter: self.filter,
            fields: fields.iter().map(|f| (*f).to_owned()).collect(),
            max_batch: self.max_batch,
            max_delay_ms: self.max_delay_ms,
        }
    }
}

/// A subscription to packets.
#[derive(Clone, Debug)]
pub struct Packets(Items);

impl Packets {
    /// Packets that match a filter over their own fields; the empty one matches all.
    #[must_use]
    pub fn matching(filter: &str) -> Self {
        Self(Items::matching(filter))
    }

    /// Subscribes, with the fields of the row `R`. Returns the subscription's number.
    ///
    /// # Errors
    /// As [`Items::rows`].
    pub fn rows<R: Row>(self) -> Result<u32, String> {
        subscribe::packets(&self.0.wanted(R::FIELDS)).map(|o| o.id).map_err(|e| crate::text(&e))
    }
}

/// Items of one subscription.
pub struct Batch<'a> {
    subscription: u32,
    count: usize,
    columns: &'a [Column],
    items: &'a ItemBatch,
}

impl<'a> Batch<'a> {
    #[doc(hidden)]
    #[must_use]
    pub fn new(subscription: u32, count: u32, columns: &'a [Column], items: &'a ItemBatch) -> Self {
        Self { subscription, count: count as usize, columns, items }
    }

    /// The number that [`Items::rows`] returned.
    #[must_use]
    pub fn subscription(&self) -> u32 {
        self.subscription
    }

    /// Each row, with its item for what is not in the row.
    pub fn rows<R: Row>(&self) -> impl Iterator<Item = (R::At<'a>, Item<'a>)> + use<'a, R> {
        let (columns, items) = (self.columns, self.items);
        range(self.count).map(move |i| (R::at(columns, i), Item { items, index: i as u32 }))
    }
}

/// Packets of one subscription.
pub struct PacketBatch<'a> {
    subscription: u32,
    count: usize,
    columns: &'a [Column],
}

impl<'a> PacketBatch<'a> {
    #[doc(hidden)]
    #[must_use]
    pub fn new(subscription: u32, count: u32, columns: &'a [Column]) -> Self {
        Self { subscription, count: count as usize, columns }
    }

    /// The number that [`Packets::rows`] returned.
    #[must_use]
    pub fn subscription(&self) -> u32 {
        self.subscription
    }

    /// Each row.
    pub fn rows<R: Row>(&self) -> impl Iterator<Item = R::At<'a>> + use<'a, R> {
        let columns = self.columns;
        range(self.count).map(move |i| R::at(columns, i))
    }
}

fn range(count: usize) -> Range<usize> {
    0..count
}

/// One item of a batch, read lazily.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    items: &'a ItemBatch,
    pub(crate) index: u32,
}

impl Item<'_> {
    /// The value at a KFL path.
    #[must_use]
    pub fn get(&self, path: &str) -> Value {
        self.items.get(self.index, path)
    }

    /// The text at a KFL path; empty if there is none.
    #[must_use]
    pub fn text(&self, path: &str) -> String {
        match self.get(path) {
            Value::Text(s) | Value::Json(s) => s,
            Value::Number(n) => n.to_string(),
            Value::Boolean(b) => b.to_string(),
            Value::Absent | Value::Null => String::new(),
        }
    }

    /// The whole item as JSON.
    #[must_use]
    pub fn json(&self) -> String {
        self.items.json(self.index)
    }
}
