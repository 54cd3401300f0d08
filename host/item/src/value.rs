//! Values inside an item: borrowed and lazy, so that what nobody asks for is never built.

use crate::{Place, Protocol};
use std::borrow::Cow;

/// One value, borrowed from the item that it is part of.
#[derive(Default)]
pub enum Value<'a> {
    /// There is no such value: left out of JSON, false in filters.
    #[default]
    Absent,
    /// JSON `null`: the field is there and says "nothing".
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number, not negative.
    U64(u64),
    /// A whole number.
    I64(i64),
    /// Any number.
    F64(f64),
    /// Text.
    Str(Cow<'a, str>),
    /// Bytes that need not be text; JSON shows them in base64.
    Bytes(&'a [u8]),
    /// Values in order.
    List(&'a dyn List),
    /// Values by name.
    Object(&'a dyn Object),
    /// A list that is computed when asked for.
    MadeList(Box<dyn List + 'a>),
    /// An object that is computed when asked for.
    MadeObject(Box<dyn Object + 'a>),
}

/// Bytes that should be text: invalid UTF-8 becomes U+FFFD. As [`String::from_utf8_lossy`], which looks at each byte on its own, and several
/// times faster for what is valid: nearly all there is.
#[inline]
#[must_use]
pub fn lossy(b: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(b).map_or_else(|_| String::from_utf8_lossy(b), Cow::Borrowed)
}

/// What a field holds, for documentation, columns and completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`Value::Bool`]
    Bool,
    /// [`Value::U64`]
    U64,
    /// [`Value::I64`]
    I64,
    /// [`Value::F64`]
    F64,
    /// [`Value::Str`]
    Str,
    /// [`Value::Bytes`]
    Bytes,
    /// A list of anything.
    List,
    /// An object with named fields, or a map with names from the wire.
    Object,
}

/// One row of the field table: a name, what it holds and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The name in JSON, in KFL and in WIT.
    pub name: &'static str,
    /// What it holds when it is there.
    pub kind: Kind,
    /// One sentence for people: meaning, unit, source.
    pub doc: &'static str,
    /// The rows below it, for objects with fixed names.
    pub below: Option<&'static [Field]>,
}

/// Something with named values. Made by [`object!`](crate::object) from a table, or by hand for maps.
pub trait Object {
    /// The fixed fields in their order, all there are; empty for maps.
    fn fields(&self) -> &'static [Field] {
        &[]
    }

    /// The value under `name`.
    fn get(&self, name: &str) -> Value<'_>;

    /// What [`Object::get`] gives, found where it stood before: `place` is of this name alone.
    fn read(&self, name: &str, _place: &Place) -> Value<'_> {
        self.get(name)
    }

    /// The protocol under `protocol`, if this is an item: what filters ask for most.
    fn protocol(&self) -> Option<&'static Protocol> {
        None
    }

    /// Calls `f` with each name and value, in order. Absent values may be among them.
    fn each(&self, f: &mut dyn FnMut(&str, Value<'_>));
}

/// Values in order.
pub trait List {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at `index`, [`Value::Absent`] beyond the end.
    fn at(&self, index: usize) -> Value<'_>;
}

impl<'a> Value<'a> {
    /// Whether this is [`Value::Absent`].
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Lets the value go. What it is where values are let go for each item: most borrow, and only those that own something need be dropped.
    #[inline]
    pub fn let_go(self) {
        match self {
            Self::Str(Cow::Owned(_)) | Self::MadeList(_) | Self::MadeObject(_) => drop(self),
            _ => std::mem::forget(self),
        }
    }

    /// The object, if this is one.
    #[must_use]
    pub fn as_object(&self) -> Option<&(dyn Object + 'a)> {
        match self {
            Self::Object(o) => Some(*o),
            Self::MadeObject(o) => Some(o.as_ref()),
            _ => None,
        }
    }

    /// The list, if this is one.
    #[must_use]
    pub fn as_list(&self) -> Option<&(dyn List + 'a)> {
        match self {
            Self::List(l) => Some(*l),
            Self::MadeList(l) => Some(l.as_ref()),
            _ => None,
        }
    }

    /// The text, if this is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(s) => Some(s),
            _ => None,
        }
    }

    /// The number, if this is one; a text is not.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::U64(n) => Some(*n as f64),
            Self::I64(n) => Some(*n as f64),
            Self::F64(n) => Some(*n),
            _ => None,
        }
    }

    /// Text that may be empty: an empty one is left out.
    #[must_use]
    pub fn text(s: &'a str) -> Self {
        if s.is_empty() { Self::Absent } else { Self::Str(Cow::Borrowed(s)) }
    }

    /// Bytes that should be text: invalid UTF-8 is shown with U+FFFD.
    #[must_use]
    pub fn lossy(b: &'a [u8]) -> Self {
        Self::Str(lossy(b))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(s: &'a str) -> Self {
        Self::Str(Cow::Borrowed(s))
    }
}
impl From<String> for Value<'_> {
    fn from(s: String) -> Self {
        Self::Str(Cow::Owned(s))
    }
}
impl From<bool> for Value<'_> {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}
impl From<f64> for Value<'_> {
    fn from(n: f64) -> Self {
        Self::F64(n)
    }
}
macro_rules! from_unsigned {
    ($($t:ty),*) => { $(impl From<$t> for Value<'_> { fn from(n: $t) -> Self { Self::U64(n as u64) } })* };
}
from_unsigned!(u8, u16, u32, u64, usize);
impl From<i32> for Value<'_> {
    fn from(n: i32) -> Self {
        Self::I64(n.into())
    }
}
impl From<i64> for Value<'_> {
    fn from(n: i64) -> Self {
        Self::I64(n)
    }
}
impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(v: Option<T>) -> Self {
        // A default would have to be dropped.
        match v {
            Some(v) => v.into(),
            None => Self::Absent,
        }
    }
}
impl<'a, T: Object> From<&'a T> for Value<'a> {
    fn from(o: &'a T) -> Self {
        Self::Object(o)
    }
}

/// Lists of objects, texts and numbers are lists of values as they are.
impl<T> List for Vec<T>
where
    for<'a> &'a T: IntoValue<'a>,
{
    fn len(&self) -> usize {
        Vec::len(self)
    }
    fn at(&self, index: usize) -> Value<'_> {
        self.as_slice().get(index).map_or(Value::Absent, IntoValue::into_value)
    }
}

/// A reference that can be shown as a value; what makes `Vec<T>` a [`List`].
pub trait IntoValue<'a> {
    /// The value.
    fn into_value(self) -> Value<'a>;
}
impl<'a> IntoValue<'a> for &'a String {
    fn into_value(self) -> Value<'a> {
        Value::from(self.as_str())
    }
}
impl<'a> IntoValue<'a> for &'a &'static str {
    fn into_value(self) -> Value<'a> {
        Value::from(*self)
    }
}
impl<'a> IntoValue<'a> for &'a u64 {
    fn into_value(self) -> Value<'a> {
        Value::U64(*self)
    }
}
impl<'a, T: Object> IntoValue<'a> for &'a T {
    fn into_value(self) -> Value<'a> {
        Value::Object(self)
    }
}

/// Makes a type an [`Object`] from a table of its fields: name, kind, meaning, and how it is read.
///
/// ```
/// use hookline_item::{object, Kind, Object, Value};
/// struct Reply { code: u16, text: String }
/// object! {
///     Reply as reply, REPLY_FIELDS {
///         "code": U64, "Reply code (RFC 5321 §4.2)" => reply.code;
///         "text": Str, "Text after the code" => Value::text(&reply.text);
///     }
/// }
/// let r = Reply { code: 250, text: String::new() };
/// assert_eq!(r.get("code").as_f64(), Some(250.0));
/// assert!(r.get("text").is_absent());
/// assert_eq!(REPLY_FIELDS[0].kind, Kind::U64);
/// ```
/// A row whose value is an object with a table of its own names that table: `"cookie": Object(COOKIE_FIELDS), …`. An item says which of its
/// fields is its protocol: `ITEM_FIELDS, protocol: protocol { … }`.
#[macro_export]
macro_rules! object {
    ($t:ty as $this:ident, $fields:ident $(, protocol: $protocol:ident)? { $($name:literal: $kind:ident $(($below:expr))?, $doc:literal => $get:expr;)* }) => {
        #[allow(unreachable_pub)]
        #[doc = concat!("The field table of [`", stringify!($t), "`].")]
        pub static $fields: &[$crate::Field] = &[
            $($crate::Field { name: $name, kind: $crate::Kind::$kind, doc: $doc, below: $crate::below!($($below)?) },)*
        ];
        impl $crate::Object for $t {
            fn fields(&self) -> &'static [$crate::Field] {
                $fields
            }
            fn get(&self, name: &str) -> $crate::Value<'_> {
                let $this = self;
                match name {
                    $($name => $crate::Value::from($get),)*
                    _ => $crate::Value::Absent,
                }
            }
            fn read(&self, name: &str, place: &$crate::Place) -> $crate::Value<'_> {
                static GETTERS: &[for<'a> fn(&'a $t) -> $crate::Value<'a>] = &[$({
                    #[allow(unused_variables)]
                    fn get<'a>($this: &'a $t) -> $crate::Value<'a> {
                        $crate::Value::from($get)
                    }
                    get
                }),*];
                // No default that must be dropped: this is what filters and columns do for each item.
                match place.index($fields, name).and_then(|at| GETTERS.get(at)) {
                    Some(get) => get(self),
                    None => $crate::Value::Absent,
                }
            }
            $(fn protocol(&self) -> Option<&'static $crate::Protocol> {
                Some(self.$protocol)
            })?
            fn each(&self, f: &mut dyn FnMut(&str, $crate::Value<'_>)) {
                let $this = self;
                $(f($name, $crate::Value::from($get));)*
            }
        }
    };
}

/// Part of [`object!`].
#[doc(hidden)]
#[macro_export]
macro_rules! below {
    () => {
        None
    };
    ($e:expr) => {
        Some($e)
    };
}
