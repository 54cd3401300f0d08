//! Patterns of names.

/// Whether `text` matches `pattern`, in which `*` stands for any letters.
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        assert!(glob("*", "") && glob("a*c", "abc") && glob("a*", "a") && glob("a*b*c", "a--b--c") && glob("abc", "abc"));
        assert!(!glob("a*c", "ab") && !glob("abc", "abcd") && !glob("a*b*c", "acb") && !glob("ab*b", "ab"));
    }
}
