//! How each language's client is told to ask the emulator instead of WorkOS.

use crate::server::Emulator;

/// How the client of a language is made so that it asks the emulator.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SdkLine {
    /// `curl`, `node`, `python` or `rust`.
    pub language: &'static str,
    /// A line of that language: an expression that makes the client, of `curl` a whole command.
    pub code: String,
}

impl Emulator {
    /// A line for each language, with this emulator's address and key. Official SDKs do not agree on environment variables: that
    /// for Node reads no address from them and would ask WorkOS itself.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use workos_directory_emulator::Emulator;
    ///
    /// for line in Emulator::start().await?.sdk_lines() {
    ///     println!("{}: {}", line.language, line.code);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn sdk_lines(&self) -> Vec<SdkLine> {
        let (url, key, address) = (self.base_url(), self.api_key(), self.address());
        let host = address.ip();
        let line = |language, code| SdkLine { language, code };
        vec![
            line(
                "curl",
                format!(
                    "curl -H {} {url}/directories",
                    quoted(&format!("Authorization: Bearer {key}"))
                ),
            ),
            line(
                "node",
                format!(
                    "new WorkOS({}, {{ apiHostname: '{host}', port: {}, https: false }})",
                    quoted(key),
                    address.port()
                ),
            ),
            line(
                "python",
                format!(
                    "WorkOSClient(api_key={}, client_id='client_test', base_url='{url}')",
                    quoted(key)
                ),
            ),
            line(
                "rust",
                format!("Client::builder().api_key({key:?}).base_url(\"{url}\").build()?"),
            ),
        ]
    }
}

/// A text in single quotes. A key with a quote or a backslash, which none of WorkOS has, is quoted for JavaScript and Python.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
