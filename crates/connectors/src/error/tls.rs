//! Why no protected connection came about.

use std::error::Error;

use rustls::CertificateError;

/// What stands in the way of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsFault {
    /// The server offers none.
    NotOffered,
    /// Nobody whom this machine trusts has signed the certificate.
    Untrusted,
    /// The certificate is another host's.
    Name,
    /// The certificate's time is over.
    Expired,
    /// The certificate's time has not come.
    NotYetValid,
    /// Anything else about the certificate.
    Certificate,
    /// The two have no version, cipher or message in common.
    Handshake,
}

impl TlsFault {
    pub(super) const fn explain(self) -> &'static str {
        match self {
            Self::NotOffered => {
                "the server offers no TLS; turn it on there, or set `sslmode=disable` where the network is a private one"
            }
            Self::Untrusted => {
                "TLS failed: no authority that this machine trusts has signed the server's certificate; a private one is given by `SSL_CERT_FILE`"
            }
            Self::Name => "TLS failed: the server's certificate is not for the host that the url names",
            Self::Expired => "TLS failed: the server's certificate has expired",
            Self::NotYetValid => {
                "TLS failed: the server's certificate is not valid yet; check the clocks of both machines"
            }
            Self::Certificate => "TLS failed: the server's certificate cannot be verified",
            Self::Handshake => {
                "TLS failed: the two have no version or cipher in common, or the server broke off"
            }
        }
    }

    /// Whether somebody may mend it while a step is tried again: certificates are renewed.
    pub(super) const fn may_pass(self) -> bool {
        !matches!(self, Self::NotOffered)
    }
}

/// What is wrong with TLS, if that is why the driver has failed.
pub(super) fn fault(error: &tokio_postgres::Error) -> Option<TlsFault> {
    let source = error.source()?;
    match handshake(source) {
        Some(fault) => Some(fault),
        // The driver has one kind for all that it says about TLS, and shows it by its words alone.
        None if error.to_string().contains("TLS handshake") => {
            Some(if source.is::<std::io::Error>() { TlsFault::Handshake } else { TlsFault::NotOffered })
        }
        None => None,
    }
}

/// What a handshake failed by, wherever in the chain that is said.
fn handshake(error: &(dyn Error + 'static)) -> Option<TlsFault> {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(match tls {
            rustls::Error::InvalidCertificate(wrong) => certificate(wrong),
            _ => TlsFault::Handshake,
        });
    }
    // An error of the system that wraps another one shows that only by this way.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match wrapped {
        Some(inner) => handshake(inner),
        None => error.source().and_then(handshake),
    }
}

fn certificate(wrong: &CertificateError) -> TlsFault {
    match wrong {
        CertificateError::UnknownIssuer => TlsFault::Untrusted,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => TlsFault::Name,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsFault::NotYetValid,
        _ => TlsFault::Certificate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_is_refused_says_why() {
        for (wrong, fault) in [
            (CertificateError::UnknownIssuer, TlsFault::Untrusted),
            (CertificateError::NotValidForName, TlsFault::Name),
            (CertificateError::Expired, TlsFault::Expired),
            (CertificateError::NotValidYet, TlsFault::NotYetValid),
            (CertificateError::Revoked, TlsFault::Certificate),
        ] {
            let refused = rustls::Error::InvalidCertificate(wrong);
            let system = std::io::Error::new(std::io::ErrorKind::InvalidData, refused);
            assert_eq!(handshake(&system), Some(fault));
        }
        let version = std::io::Error::other(rustls::Error::HandshakeNotComplete);
        assert_eq!(handshake(&version), Some(TlsFault::Handshake));
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "refused");
        assert_eq!(handshake(&refused), None);
    }
}
