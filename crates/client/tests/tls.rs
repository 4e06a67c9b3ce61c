//! Connections over TLS: whom the client trusts, and what the caller hears when it does not.
//!
//! Runs with each back end: `cargo xtask ci` runs it with all three.

#![cfg(any(feature = "rustls", feature = "rustls-ring", feature = "native-tls"))]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::DnType;
use rcgen::IsCa;
use rcgen::KeyPair;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use workos_directory_sync::Backoff;
use workos_directory_sync::Client;
use workos_directory_sync::ClientBuilder;
use workos_directory_sync::Error;
use workos_directory_sync::error::ConfigError;
use workos_directory_sync::retry::RetryPolicy;

use crate::server::page;
use crate::server::serve;

#[allow(dead_code)]
#[path = "http/server.rs"]
mod server;

const KEY: &str = "sk_test_do_not_show";

/// Somebody who makes certificates.
type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server with a certificate of `localhost` that answers every request with one group.
struct Secure {
    port: u16,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Secure {
    async fn start(authority: &Authority, year: i32) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, authority).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let secure = Self {
            port: listener.local_addr().unwrap().port(),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let (connections, requests) = (Arc::clone(&secure.connections), Arc::clone(&secure.requests));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, vec![page(&["g1"], None)], Arc::clone(&requests)).await;
                }
            }
        });
        secure
    }

    /// The settings of a client of it, which tries again at once.
    fn client(&self, host: &str) -> ClientBuilder {
        let retry = RetryPolicy::default().with_backoff(Backoff::new(Duration::ZERO, Duration::ZERO));
        let url = format!("https://{host}:{}", self.port);
        Client::builder().api_key(KEY).base_url(url).retry(retry)
    }
}

#[tokio::test]
async fn a_server_whose_authority_was_added_is_trusted_and_gets_the_key() {
    let authority = authority("Ours");
    let server = Secure::start(&authority, 2100).await;
    let unrelated = self::authority("Other");
    let builder = server.client("localhost").add_root_certificates(unrelated.pem());
    let client = builder.add_root_certificates(authority.pem()).build().unwrap();
    assert_eq!(client.list_directory_groups().send().await.unwrap().data[0].id, "g1");
    let requests = server.requests.lock().unwrap();
    assert!(
        requests.len() == 1 && requests[0].contains(&format!("Bearer {KEY}")),
        "{requests:?}"
    );
}

#[tokio::test]
async fn several_certificates_may_stand_in_one_text() {
    let authority = authority("Ours");
    let server = Secure::start(&authority, 2100).await;
    let bundle = format!("# ours\n{}\n{}", self::authority("Other").pem(), authority.pem());
    let client = server
        .client("localhost")
        .add_root_certificates(bundle)
        .build()
        .unwrap();
    assert!(client.list_directory_groups().send().await.is_ok());
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_is_refused_before_the_key_is_sent() {
    let ours = authority("Ours");
    let unknown = Secure::start(&authority("Other"), 2100).await;
    let other_name = Secure::start(&ours, 2100).await;
    let expired = Secure::start(&ours, 2021).await;
    for (server, host) in [
        (unknown, "localhost"),
        (other_name, "127.0.0.1"),
        (expired, "localhost"),
    ] {
        let builder = server.client(host).add_root_certificates(ours.pem());
        let error = builder
            .build()
            .unwrap()
            .list_directory_groups()
            .send()
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Network(_)), "{error:?}");
        assert!(!format!("{error:?}").contains(KEY), "{error:?}");
        assert!(server.requests.lock().unwrap().is_empty());
        // rustls says that no other try can help, native-tls does not.
        let is_rustls = cfg!(any(feature = "rustls", feature = "rustls-ring"));
        let tries = if is_rustls { 1 } else { 5 };
        assert_eq!(server.connections.load(Ordering::Relaxed), tries, "{error:?}");
        assert_eq!(error.attempts() as usize, tries);
        if is_rustls {
            let text = "listDirectoryGroups: the certificate of the API is not trusted after 1 attempt";
            assert_eq!(error.to_string(), text);
            assert!(error.help().contains("`add_root_certificates`"), "{}", error.help());
        }
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_a_network_error_and_tried_again() {
    let plain = server::Server::start(vec![page(&["g1"], None)]).await;
    let url = plain.url.replace("http:", "https:");
    let retry = RetryPolicy::default().with_backoff(Backoff::new(Duration::ZERO, Duration::ZERO));
    let builder = Client::builder().api_key(KEY).base_url(url).retry(retry);
    let client = builder.timeout(Duration::from_millis(300)).build().unwrap();
    let error = client.list_directory_groups().send().await.unwrap_err();
    assert!(matches!(error, Error::Network(_) | Error::Timeout(_)), "{error:?}");
    assert_eq!((error.attempts(), plain.requests().len()), (5, 0), "{error:?}");
}

#[test]
fn what_is_no_certificate_is_refused_when_the_client_is_built() {
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    for pem in ["", "no certificate", broken] {
        let error = Client::builder()
            .api_key(KEY)
            .add_root_certificates(pem)
            .build()
            .unwrap_err();
        assert!(
            matches!(error, Error::Config(ConfigError::RootCertificate(_))),
            "{pem}: {error:?}"
        );
    }
}
