//! Form fields in request bodies: urlencoded and multipart/form-data (RFC 7578).

use super::target;
use hookline_item::{Value, object};
use memchr::{memchr, memmem};

/// One form field.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Param {
    name: String,
    value: String,
    file_name: String,
    content_type: String,
}

object! {
    Param as p, PARAM_FIELDS {
        "name": Str, "Name of the form field" => p.name.as_str();
        "value": Str, "Its value, if that is text" => p.value.as_str();
        "fileName": Str, "Name of the uploaded file" => Value::text(&p.file_name);
        "contentType": Str, "Content type of this part" => Value::text(&p.content_type);
    }
}

/// The form fields of a body; none if `mime_type` is no form.
pub(super) fn parse(mime_type: &[u8], body: &[u8]) -> Vec<Param> {
    let kind = mime_type.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    if kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        return target::pairs(body).map(|(name, value)| Param { name, value, ..Param::default() }).collect();
    }
    if kind.eq_ignore_ascii_case(b"multipart/form-data")
        && let Some(boundary) = parameter(mime_type, b"boundary")
    {
        return multipart(&boundary, body);
    }
    Vec::new()
}

fn multipart(boundary: &[u8], body: &[u8]) -> Vec<Param> {
    let delimiter = [b"--", boundary].concat();
    let mut starts = memmem::find_iter(body, &delimiter).take(PARTS_MAX + 1).peekable();
    let mut params = Vec::new();
    while let (Some(start), Some(&end)) = (starts.next(), starts.peek()) {
        if let Some(part) = body.get(start + delimiter.len()..end) {
            params.extend(one_part(part));
        }
    }
    params
}

/// `CRLF fields CRLF CRLF content CRLF`
fn one_part(part: &[u8]) -> Option<Param> {
    let head_len = memmem::find(part, b"\r\n\r\n")?;
    let (head, content) = part.split_at_checked(head_len)?;
    let content = content.get(4..)?;
    let content = content.strip_suffix(b"\r\n").unwrap_or(content);
    let mut param = Param::default();
    for line in head.split(|b| *b == b'\n') {
        let Some((name, value)) = memchr(b':', line).and_then(|at| line.split_at_checked(at)) else { continue };
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"content-disposition") {
            param.name = text(parameter(value, b"name").unwrap_or_default());
            param.file_name = text(parameter(value, b"filename").unwrap_or_default());
        } else if name.eq_ignore_ascii_case(b"content-type") {
            param.content_type = text(value.to_vec());
        }
    }
    if let Ok(value) = std::str::from_utf8(content) {
        value.clone_into(&mut param.value);
    }
    Some(param)
}

/// The value of `; name=value` or `; name="value"` in a header field's value.
fn parameter(value: &[u8], wanted: &[u8]) -> Option<Vec<u8>> {
    let mut rest = value;
    while let Some(at) = memchr(b';', rest) {
        rest = rest.get(at + 1..)?.trim_ascii_start();
        let equals = memchr(b'=', rest)?;
        let (name, after) = rest.split_at_checked(equals)?;
        let after = after.get(1..)?;
        let (value, beyond) = match after.strip_prefix(b"\"") {
            Some(quoted) => quoted.split_at_checked(memchr(b'"', quoted).unwrap_or(quoted.len()))?,
            None => after.split_at_checked(memchr(b';', after).unwrap_or(after.len()))?,
        };
        if name.trim_ascii().eq_ignore_ascii_case(wanted) {
            return Some(value.trim_ascii().to_vec());
        }
        rest = beyond;
    }
    None
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Parts read of one multipart body.
const PARTS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_urlencoded() {
        let params = parse(b"application/x-www-form-urlencoded; charset=UTF-8", b"q=16047282135&x=a+b");
        assert_eq!(params.len(), 2);
        assert_eq!((params[1].name.as_str(), params[1].value.as_str()), ("x", "a b"));
        assert!(parse(b"text/plain", b"a=b").is_empty());
    }

    #[test]
    fn reads_multipart() {
        let body = b"--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B\r\nContent-Disposition: form-data; filename=\"x;y.txt\"; name=f\r\nContent-Type: text/plain\r\n\r\nhello\r\n--B--\r\n";
        let params = parse(b"multipart/form-data; boundary=B", body);
        let want = [
            Param { name: "a".into(), value: "1".into(), ..Param::default() },
            Param { name: "f".into(), value: "hello".into(), file_name: "x;y.txt".into(), content_type: "text/plain".into() },
        ];
        assert_eq!(params, want);
    }
}
