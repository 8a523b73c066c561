//! A part of an object that is kept as it was written.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A `T` as it was written. Reading an object never fails because of it, so that one faulty
/// object does not hide the others from a watch; the rules' parser tells its faults, with paths.
pub struct Written<T> {
    value: Value,
    of: PhantomData<fn() -> T>,
}

impl<T> Written<T> {
    /// The value as written.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }
}

impl<T> From<Value> for Written<T> {
    fn from(value: Value) -> Self {
        Self {
            value,
            of: PhantomData,
        }
    }
}

impl<T> Clone for Written<T> {
    fn clone(&self) -> Self {
        self.value.clone().into()
    }
}

impl<T> PartialEq for Written<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> std::fmt::Debug for Written<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.value.fmt(f)
    }
}

impl<T> Serialize for Written<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Into::into)
    }
}

impl<T: JsonSchema> JsonSchema for Written<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
