//! Typed rows over columns.

use crate::bindings::hookline::hooks::{
    batch::ItemBatch,
    subscribe::{self, Subscription},
    types::{Column, Value},
};

/// The values of one field in a batch, as the host sends them.
#[derive(Clone, Copy, Debug)]
pub enum Cells<'a> {
    /// Truth values: 0, 1, or 255 where absent.
    U8s(&'a [u8]),
    /// Numbers; `u64::MAX` where absent.
    U64s(&'a [u64]),
    /// Numbers; `i64::MIN` where absent.
    S64s(&'a [i64]),
    /// Numbers; not a number where absent.
    F64s(&'a [f64]),
    /// Texts back to back, and where each ends; empty where absent.
    Texts(&'a str, &'a [u32]),
}

impl<'a> Cells<'a> {
    fn of(column: &'a Column) -> Self {
        match column {
            Column::U8s(v) => Self::U8s(v),
            Column::U64s(v) => Self::U64s(v),
            Column::S64s(v) => Self::S64s(v),
            Column::F64s(v) => Self::F64s(v),
            // Looked at once for all rows: the host sends UTF-8.
            Column::Texts(texts) => Self::Texts(std::str::from_utf8(&texts.bytes).unwrap_or(""), &texts.ends),
        }
    }
}

/// A field's value in one row. A field that an item does not have reads as 0, false or "" — or as `None` where the cell is an `Option`.
pub trait Cell<'a>: Sized {
    /// The value in `cells` at `index`.
    fn read(cells: &Cells<'a>, index: usize) -> Self;
}

impl<'a> Cell<'a> for Option<u64> {
    #[inline]
    fn read(cells: &Cells<'a>, index: usize) -> Self {
        match cells {
            Cells::U64s(v) => v.get(index).copied().filter(|n| *n != u64::MAX),
            Cells::S64s(v) => v.get(index).and_then(|n| u64::try_from(*n).ok()),
            Cells::U8s(v) => v.get(index).filter(|n| **n != u8::MAX).map(|n| u64::from(*n)),
            Cells::F64s(v) => v.get(index).filter(|n| **n >= 0.0).map(|n| *n as u64),
            Cells::Texts(..) => <&str>::read(cells, index).parse().ok(),
        }
    }
}
impl<'a> Cell<'a> for u64 {
    #[inline]
    fn read(cells: &Cells<'a>, index: usize) -> Self {
        Option::<u64>::read(cells, index).unwrap_or(0)
    }
}
impl<'a> Cell<'a> for Option<i64> {
    #[inline]
    fn read(cells: &Cells<'a>, index: usize) -> Self {
        match cells {
            Cells::S64s(v) => v.get(index).copied().filter(|n| *n != i64::MIN),
            Cells::Texts(..) => <&str>::read(cells, index).parse().ok(),
            _ => Option::<u64>::read(cells, index).and_then(|n| i64::try_from(n).ok()),
        }
    }
}
impl<'a> Cell<'a> for i64 {
    #[inline]
    fn read(cells: &Cells<'a>, index: usize) -> Self {
        Option::<i64>::read(cells, index).unwrap_or(0)
    }
}
impl<'a> Cell<'a> for f64 {
    #[inline]
    fn read(cells: &Cells<'a>, index: usize) -> Self {
        match cells {
            Cells::F64s(v) => v.get(index).copied().unwrap_or(f64::NAN),
            _ => Option::<i64>::read(cells, index).map_or(f64::NAN, |n| n as f64),
        }
    }
}
impl<'a> Cell<'a> for bool {
    #[inline]
    fn read(cells: &Cells<'a>, index: usize) -> Self {
        matches!(cells, Cells::U8s(v) if v.get(index) == Some(&1))
    }
}
impl<'a> Cell<'a> for &'a str {
    #[inline]
    fn read(cells: &Cells<'a>, index: usize) -> Self {
        let Cells::Texts(text, ends) = cells else { return "" };
        let start = index.checked_sub(1).and_then(|i| ends.get(i)).copied().unwrap_or(0);
        ends.get(index).and_then(|end| text.get(start as usize..*end as usize)).unwrap_or("")
    }
}

/// A struct with one cell per field that a plugin asks for. Made by [`row!`](crate::row).
pub trait Row {
    /// The KFL paths of the fields, in order.
    const FIELDS: &'static [&'static str];
    /// The row, borrowing from the batch.
    type At<'a>;
    /// The row at `index`.
    fn at<'a>(columns: &[Cells<'a>], index: usize) -> Self::At<'a>;
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
            #[inline]
            fn at<$life>(columns: &[$crate::Cells<$life>], index: usize) -> Self::At<$life> {
                let mut columns = columns.iter();
                $name {
                    $($field: $crate::Cell::read(columns.next().unwrap_or(&$crate::Cells::U8s(&[])), index),)*
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

    /// At most so many items in a batch (default 1024, or 256 where the plugin reads more of items than its rows).
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

/// A subscription to flows.
#[derive(Clone, Debug)]
pub struct Flows(Items);

impl Flows {
    /// Flows that match a filter over their own fields, as `event == "close" and bytesSent > 1000000`; the empty one matches all.
    #[must_use]
    pub fn matching(filter: &str) -> Self {
        Self(Items::matching(filter))
    }

    /// Subscribes, with the fields of the row `R`. Returns the subscription's number.
    ///
    /// # Errors
    /// As [`Items::rows`].
    pub fn rows<R: Row>(self) -> Result<u32, String> {
        subscribe::flows(&self.0.wanted(R::FIELDS)).map(|o| o.id).map_err(|e| crate::text(&e))
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
        let (columns, items) = (cells(self.columns), self.items);
        (0..self.count).map(move |i| (R::at(&columns, i), Item { items, index: i as u32 }))
    }
}

/// Packets of one subscription.
pub type PacketBatch<'a> = RowBatch<'a>;

/// Packets or flows of one subscription: rows without more behind them.
pub struct RowBatch<'a> {
    subscription: u32,
    count: usize,
    columns: &'a [Column],
}

impl<'a> RowBatch<'a> {
    #[doc(hidden)]
    #[must_use]
    pub fn new(subscription: u32, count: u32, columns: &'a [Column]) -> Self {
        Self { subscription, count: count as usize, columns }
    }

    /// The number that [`Packets::rows`] or [`Flows::rows`] returned.
    #[must_use]
    pub fn subscription(&self) -> u32 {
        self.subscription
    }

    /// Each row.
    pub fn rows<R: Row>(&self) -> impl Iterator<Item = R::At<'a>> + use<'a, R> {
        let columns = cells(self.columns);
        (0..self.count).map(move |i| R::at(&columns, i))
    }
}

fn cells(columns: &[Column]) -> Vec<Cells<'_>> {
    columns.iter().map(Cells::of).collect()
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
