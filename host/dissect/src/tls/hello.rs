//! ClientHello and ServerHello (RFC 8446 §4.1, RFC 5246 §7.4.1), as far as they tell who speaks and how.

use nom::{
    IResult, Parser as _,
    bytes::complete::take,
    combinator::map_parser,
    multi::{length_data, many0},
    number::complete::{be_u8, be_u16},
    sequence::pair,
};

/// Extensions whose contents are read.
pub(super) mod extension {
    pub(crate) const SERVER_NAME: u16 = 0;
    pub(crate) const SUPPORTED_GROUPS: u16 = 10;
    pub(crate) const EC_POINT_FORMATS: u16 = 11;
    pub(crate) const SIGNATURE_ALGORITHMS: u16 = 13;
    pub(crate) const ALPN: u16 = 16;
    pub(crate) const SESSION_TICKET: u16 = 35;
    pub(crate) const PRE_SHARED_KEY: u16 = 41;
    pub(crate) const EARLY_DATA: u16 = 42;
    pub(crate) const SUPPORTED_VERSIONS: u16 = 43;
    pub(crate) const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
}

/// The random of a ServerHello that is a HelloRetryRequest (RFC 8446 §4.1.3): SHA-256 of "HelloRetryRequest".
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
    0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// What a client offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientHello {
    /// `legacy_version`: the highest version before TLS 1.3.
    pub(crate) version: u16,
    pub(crate) session_id: Vec<u8>,
    pub(crate) cipher_suites: Vec<u16>,
    /// Types, in the order sent.
    pub(crate) extensions: Vec<u16>,
    pub(crate) server_name: String,
    /// ALPN identifiers (RFC 7301), which are bytes.
    pub(crate) alpn: Vec<Vec<u8>>,
    /// `supported_versions`.
    pub(crate) versions: Vec<u16>,
    pub(crate) groups: Vec<u16>,
    pub(crate) point_formats: Vec<u8>,
    pub(crate) signature_algorithms: Vec<u16>,
    /// Whether it carries a session ticket (RFC 5077) that is not empty.
    pub(crate) ticket: bool,
}

/// What a server chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerHello {
    /// `legacy_version`: what was chosen, if it is not TLS 1.3.
    pub(crate) version: u16,
    /// `supported_versions`: what was chosen from TLS 1.3 on.
    pub(crate) selected_version: Option<u16>,
    pub(crate) session_id: Vec<u8>,
    pub(crate) cipher_suite: u16,
    /// Types, in the order sent.
    pub(crate) extensions: Vec<u16>,
    pub(crate) alpn: Vec<Vec<u8>>,
    /// Whether it is a HelloRetryRequest: the client shall say hello again.
    pub(crate) retry: bool,
}

impl ClientHello {
    /// Reads the body of a handshake message; `dtls` ones have a cookie (RFC 6347 §4.2.1). Says whether its extensions could be read to
    /// their end; `None` if not even what comes before them could.
    pub(crate) fn parse(body: &[u8], dtls: bool) -> Option<(Self, bool)> {
        let (extensions, mut hello) = client_head(body, dtls).ok()?;
        let whole = each_extension(extensions, |kind, data| hello.extension(kind, data).is_ok());
        Some((hello, whole))
    }

    /// Reads one extension; an error if its lengths do not agree.
    fn extension<'a>(&mut self, kind: u16, data: &'a [u8]) -> IResult<&'a [u8], ()> {
        self.extensions.push(kind);
        let i = match kind {
            extension::SERVER_NAME if !data.is_empty() => {
                // RFC 6066 §3: a list of which only the first host name (type 0) is ever sent.
                let (_, list) = length_data(be_u16).parse(data)?;
                let (i, (_, name)) = pair(be_u8, length_data(be_u16)).parse(list)?;
                self.server_name = String::from_utf8_lossy(name).into_owned();
                i
            }
            extension::ALPN => set(&mut self.alpn, protocol_names(data))?,
            extension::SUPPORTED_VERSIONS => set(&mut self.versions, map_parser(length_data(be_u8), many0(be_u16)).parse(data))?,
            extension::SUPPORTED_GROUPS => set(&mut self.groups, numbers(data))?,
            extension::SIGNATURE_ALGORITHMS => set(&mut self.signature_algorithms, numbers(data))?,
            extension::EC_POINT_FORMATS => set(&mut self.point_formats, map_parser(length_data(be_u8), many0(be_u8)).parse(data))?,
            extension::SESSION_TICKET => {
                self.ticket = !data.is_empty();
                data
            }
            _ => data,
        };
        Ok((i, ()))
    }

    /// Whether an extension was sent.
    pub(crate) fn has(&self, kind: u16) -> bool {
        self.extensions.contains(&kind)
    }

    /// The highest version offered.
    pub(crate) fn highest_version(&self) -> u16 {
        // DTLS versions count down.
        let offered = self.versions.iter().copied().filter(|v| !super::codes::is_grease(*v));
        let highest = if self.version >> 8 == 0xfe { offered.min() } else { offered.max() };
        highest.unwrap_or(self.version)
    }
}

impl ServerHello {
    /// Reads the body of a handshake message, as [`ClientHello::parse`].
    pub(crate) fn parse(body: &[u8]) -> Option<(Self, bool)> {
        let (extensions, mut hello) = server_head(body).ok()?;
        let whole = each_extension(extensions, |kind, data| hello.extension(kind, data).is_ok());
        Some((hello, whole))
    }

    /// As [`ClientHello::extension`].
    fn extension<'a>(&mut self, kind: u16, data: &'a [u8]) -> IResult<&'a [u8], ()> {
        self.extensions.push(kind);
        let i = match kind {
            extension::ALPN => set(&mut self.alpn, protocol_names(data))?,
            extension::SUPPORTED_VERSIONS => {
                let (i, version) = be_u16(data)?;
                self.selected_version = Some(version);
                i
            }
            _ => data,
        };
        Ok((i, ()))
    }

    /// The version that was chosen.
    pub(crate) fn chosen_version(&self) -> u16 {
        self.selected_version.unwrap_or(self.version)
    }
}

fn client_head(i: &[u8], dtls: bool) -> IResult<&[u8], ClientHello> {
    let (i, version) = be_u16(i)?;
    let (i, _random) = take(32usize)(i)?;
    let (i, session_id) = length_data(be_u8).parse(i)?;
    let (i, _cookie) = if dtls { length_data(be_u8).parse(i)? } else { (i, &[][..]) };
    let (i, cipher_suites) = map_parser(length_data(be_u16), many0(be_u16)).parse(i)?;
    let (i, _compression) = length_data(be_u8).parse(i)?;
    Ok((i, ClientHello { version, session_id: session_id.to_vec(), cipher_suites, ..ClientHello::default() }))
}

fn server_head(i: &[u8]) -> IResult<&[u8], ServerHello> {
    let (i, version) = be_u16(i)?;
    let (i, random) = take(32usize)(i)?;
    let (i, session_id) = length_data(be_u8).parse(i)?;
    let (i, cipher_suite) = be_u16(i)?;
    let (i, _compression) = be_u8(i)?;
    let retry = random == RETRY_RANDOM;
    Ok((i, ServerHello { version, session_id: session_id.to_vec(), cipher_suite, retry, ..ServerHello::default() }))
}

/// Calls `f` with each extension; says whether all were whole. None at all is whole too: hellos before TLS 1.2 have none.
fn each_extension(i: &[u8], mut f: impl FnMut(u16, &[u8]) -> bool) -> bool {
    if i.is_empty() {
        return true;
    }
    let list: IResult<&[u8], &[u8]> = length_data(be_u16).parse(i);
    // Where the list's length goes beyond the end, what is there is read.
    let mut whole = list.is_ok();
    let mut left = list.map_or(i.get(2..).unwrap_or_default(), |(_, list)| list);
    while !left.is_empty() {
        let one: IResult<&[u8], (u16, &[u8])> = pair(be_u16, length_data(be_u16)).parse(left);
        let Ok((after, (kind, data))) = one else { return false };
        whole &= f(kind, data);
        left = after;
    }
    whole
}

/// Puts what was read into its field; gives what is left.
fn set<'a, T>(field: &mut T, read: IResult<&'a [u8], T>) -> Result<&'a [u8], nom::Err<nom::error::Error<&'a [u8]>>> {
    let (i, value) = read?;
    *field = value;
    Ok(i)
}

/// Numbers with the length of all before them.
fn numbers(i: &[u8]) -> IResult<&[u8], Vec<u16>> {
    map_parser(length_data(be_u16), many0(be_u16)).parse(i)
}

/// `ProtocolNameList` (RFC 7301 §3.1).
fn protocol_names(i: &[u8]) -> IResult<&[u8], Vec<Vec<u8>>> {
    map_parser(length_data(be_u16), many0(length_data(be_u8).map(<[u8]>::to_vec))).parse(i)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ClientHello of RFC 8448 §3 (simple 1-RTT handshake), the body only.
    fn rfc8448() -> Vec<u8> {
        let hex = "0303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302010000\
            91000000 0b0009000006736572766572ff01000100000a00140012001d0017001800190100010101020103010400230000003300260024001d0020\
            99381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d00200\
            01e040305030603020308040805080604010501060102010402050206020202002d00020101001c00024001";
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|c| u8::from_str_radix(std::str::from_utf8(c).unwrap(), 16).unwrap()).collect()
    }

    #[test]
    fn reads_the_client_hello_of_rfc_8448() {
        let (hello, whole) = ClientHello::parse(&rfc8448(), false).unwrap();
        assert!(whole);
        assert_eq!((hello.version, hello.highest_version()), (0x303, 0x304));
        assert_eq!(hello.cipher_suites, [0x1301, 0x1303, 0x1302]);
        assert_eq!(hello.server_name, "server");
        assert_eq!(hello.extensions, [0, 0xff01, 10, 35, 51, 43, 13, 45, 28]);
        assert_eq!(hello.groups.len(), 9);
        assert_eq!(hello.signature_algorithms.len(), 15);
        assert!(!hello.ticket && hello.alpn.is_empty());
    }

    #[test]
    fn broken_extensions_leave_what_came_before() {
        let mut body = rfc8448();
        body.truncate(body.len() - 3);
        let (hello, whole) = ClientHello::parse(&body, false).unwrap();
        assert!(!whole);
        assert_eq!(hello.server_name, "server");
        for n in 0..body.len() {
            let _ = ClientHello::parse(&body[..n], n % 2 == 0);
            let _ = ServerHello::parse(&body[..n]);
        }
    }

    #[test]
    fn hello_retry_requests_are_told_apart() {
        let mut body = vec![3, 3];
        body.extend(RETRY_RANDOM);
        body.extend([0, 0x13, 0x01, 0, 0, 6, 0, 43, 0, 2, 3, 4]);
        let (hello, whole) = ServerHello::parse(&body).unwrap();
        assert!(whole && hello.retry);
        assert_eq!((hello.chosen_version(), hello.cipher_suite), (0x304, 0x1301));
    }
}
