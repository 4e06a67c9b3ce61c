//! TLS by rustls: the operating system's trust, certificates that the caller trusts besides, and *ring* for cryptography.
//!
//! The configuration is made here instead of by reqwest for two reasons: *ring* builds in a fraction of the time of
//! reqwest's choice, and nothing has to be installed for the whole process. A program that has installed a provider for
//! the whole process gets that one.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::Verifier;

use crate::error::ConfigError;

/// A configuration for requests over HTTP/1.1, `roots` being PEM texts with one or more certificates each.
pub(crate) fn config(roots: &[Vec<u8>]) -> Result<ClientConfig, ConfigError> {
    let provider = CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(ring::default_provider()));
    let verifier = verifier(certificates(roots)?, Arc::clone(&provider))?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(tls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(roots: &[Vec<u8>]) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let mut certificates = Vec::new();
    for pem in roots {
        let before = certificates.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            certificates.push(certificate.map_err(|error| ConfigError::RootCertificate(error.to_string()))?);
        }
        if certificates.len() == before {
            return Err(ConfigError::RootCertificate("there is none in it".to_owned()));
        }
    }
    Ok(certificates)
}

fn verifier(roots: Vec<CertificateDer<'static>>, provider: Arc<CryptoProvider>) -> Result<Verifier, ConfigError> {
    if roots.is_empty() {
        return Verifier::new(provider).map_err(tls);
    }
    #[cfg(not(target_os = "android"))]
    return Verifier::new_with_extra_roots(roots, provider).map_err(tls);
    #[cfg(target_os = "android")]
    Err(ConfigError::RootCertificate(
        "Android takes them from its own settings only".to_owned(),
    ))
}

fn tls(error: rustls::Error) -> ConfigError {
    ConfigError::Tls(Box::new(error))
}
