//! The body of an answer: read up to a bound, and unpacked where it comes packed with gzip.
//!
//! The bound is that of the unpacked bytes, so that a few bytes that unpack to gigabytes end like a body of gigabytes. In a
//! browser `fetch` unpacks by itself.

use std::io;
use std::io::Write;
use std::pin::pin;

use futures_util::StreamExt as _;
use reqwest::RequestBuilder;
use reqwest::Response;
use reqwest::header::HeaderMap;

use self::packed::Sink;
pub(crate) use self::packed::ask;
pub(crate) use self::packed::without_packing;

/// How much memory is set aside on the word of a `Content-Length` alone.
const ANNOUNCED_BODY: usize = 1024 * 1024;

/// Why reading a body ended.
pub(crate) enum End {
    Whole,
    /// There is more than was asked for.
    Bound,
    Broken(reqwest::Error),
    /// What came packed cannot be unpacked.
    Unreadable(io::Error),
}

/// Reads a body up to a bound; gives what came in any case.
pub(crate) async fn read(response: Response, bound: usize) -> (Vec<u8>, End) {
    let announced = response
        .content_length()
        .and_then(|length| usize::try_from(length).ok())
        .unwrap_or_default();
    let bytes = Bounded {
        bytes: Vec::with_capacity(announced.min(bound).min(ANNOUNCED_BODY)),
        bound,
        is_beyond: false,
    };
    let mut sink = Sink::new(response.headers(), bytes);
    let mut chunks = pin!(response.bytes_stream());
    loop {
        match chunks.next().await {
            None => return sink.finish(),
            Some(Err(error)) => return (sink.into_bytes(), End::Broken(error)),
            Some(Ok(chunk)) => {
                if let Err(error) = sink.write(&chunk) {
                    return sink.failed(error);
                }
            }
        }
    }
}

/// Bytes up to a bound.
struct Bounded {
    bytes: Vec<u8>,
    bound: usize,
    /// Whether there were more.
    is_beyond: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.bound - self.bytes.len();
        self.bytes.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if bytes.len() > room {
            self.is_beyond = true;
            return Err(io::Error::other("there is more than was asked for"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn failed(self, error: io::Error) -> (Vec<u8>, End) {
        let end = match self.bounded().is_beyond {
            true => End::Bound,
            false => End::Unreadable(error),
        };
        (self.into_bytes(), end)
    }
}

#[cfg(all(feature = "gzip", not(all(target_arch = "wasm32", target_os = "unknown"))))]
mod packed {
    use flate2::write::MultiGzDecoder;
    use reqwest::header::ACCEPT_ENCODING;
    use reqwest::header::CONTENT_ENCODING;
    use reqwest::header::CONTENT_LENGTH;
    use reqwest::header::HeaderValue;

    use super::*;

    /// What the bytes of a body go into.
    pub(super) enum Sink {
        Plain(Bounded),
        // It has tables of many KB.
        Packed(Box<MultiGzDecoder<Bounded>>),
    }

    impl Sink {
        pub(super) fn new(headers: &HeaderMap, bytes: Bounded) -> Self {
            match is_packed(headers) {
                true => Self::Packed(Box::new(MultiGzDecoder::new(bytes))),
                false => Self::Plain(bytes),
            }
        }

        pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
            match self {
                Self::Plain(sink) => sink.write_all(bytes),
                Self::Packed(sink) => sink.write_all(bytes),
            }
        }

        pub(super) fn finish(mut self) -> (Vec<u8>, End) {
            let finished = match &mut self {
                Self::Plain(_) => Ok(()),
                Self::Packed(sink) => sink.try_finish(),
            };
            match finished {
                Ok(()) => (self.into_bytes(), End::Whole),
                Err(error) => self.failed(error),
            }
        }

        pub(super) fn bounded(&self) -> &Bounded {
            match self {
                Self::Plain(sink) => sink,
                Self::Packed(sink) => sink.get_ref(),
            }
        }

        pub(super) fn into_bytes(mut self) -> Vec<u8> {
            let bounded = match &mut self {
                Self::Plain(sink) => sink,
                Self::Packed(sink) => sink.get_mut(),
            };
            std::mem::take(&mut bounded.bytes)
        }
    }

    /// Whether a body is packed once, and with gzip: other ways were not asked for.
    fn is_packed(headers: &HeaderMap) -> bool {
        let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
        let gzip = |value: &HeaderValue| {
            value.to_str().is_ok_and(|value| {
                ["gzip", "x-gzip"]
                    .iter()
                    .any(|name| value.trim().eq_ignore_ascii_case(name))
            })
        };
        encodings.next().is_some_and(gzip) && encodings.next().is_none()
    }

    /// Asks for a packed body.
    pub(crate) fn ask(request: RequestBuilder) -> RequestBuilder {
        request.header(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))
    }

    /// The headers of a body that was unpacked: they are about bytes that nobody gets to see.
    pub(crate) fn without_packing(headers: &mut HeaderMap) {
        if is_packed(headers) {
            headers.remove(CONTENT_ENCODING);
            headers.remove(CONTENT_LENGTH);
        }
    }
}

#[cfg(not(all(feature = "gzip", not(all(target_arch = "wasm32", target_os = "unknown")))))]
mod packed {
    use super::*;

    /// What the bytes of a body go into.
    pub(super) struct Sink(Bounded);

    impl Sink {
        pub(super) fn new(_: &HeaderMap, bytes: Bounded) -> Self {
            Self(bytes)
        }

        pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.0.write_all(bytes)
        }

        pub(super) fn finish(self) -> (Vec<u8>, End) {
            (self.into_bytes(), End::Whole)
        }

        pub(super) fn bounded(&self) -> &Bounded {
            &self.0
        }

        pub(super) fn into_bytes(self) -> Vec<u8> {
            self.0.bytes
        }
    }

    pub(crate) fn ask(request: RequestBuilder) -> RequestBuilder {
        request
    }

    pub(crate) fn without_packing(_: &mut HeaderMap) {}
}
