//! Both ends of a connection in TLS, by rustls and in memory, and the key log that they write.
//!
//! The one thing here that is another each time: keys, randoms and signatures are made of the machine's randomness.

use std::{
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, KeyLog, ServerConfig, ServerConnection,
    SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// Suites that [`TlsPair::new`] knows, of TLS 1.3 and of TLS 1.2.
pub const SUITES: usize = 6;

/// Two ends of a connection. Side 0 began it.
pub struct TlsPair {
    client: ClientConnection,
    server: ServerConnection,
    log: Arc<Log>,
}

/// What both ends are configured to, so that one connection can go on where another ended.
#[derive(Debug, Clone)]
pub struct TlsEnds {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    log: Arc<Log>,
}

/// The lines of a key log, each once.
#[derive(Debug, Default)]
struct Log(Mutex<String>);

impl KeyLog for Log {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line);
    }
}

/// Whoever shows a certificate is believed: it is not what is tested.
#[derive(Debug)]
struct Believer;

impl ServerCertVerifier for Believer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// One certificate for everybody.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl TlsEnds {
    /// Ends that agree on the suite with this number, modulo [`SUITES`]: the first three are of TLS 1.3.
    ///
    /// # Panics
    /// When rustls does not know its own suites.
    #[must_use]
    pub fn new(suite: usize) -> Self {
        let suites = [
            ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
            ring::cipher_suite::TLS13_AES_256_GCM_SHA384,
            ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        ];
        let chosen = suites[suite % SUITES];
        let provider = Arc::new(CryptoProvider { cipher_suites: vec![chosen], ..ring::default_provider() });
        let version = if suite % SUITES < 3 { &rustls::version::TLS13 } else { &rustls::version::TLS12 };
        // Any 32 bytes are a key of Ed25519 (RFC 8410, 7), and the certificate is only shown.
        let mut key = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        key.extend([7; 32]);
        let key = ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(key)).expect("it is a key");
        // As long as some are, so that it takes several segments.
        let shown = Shown(Arc::new(CertifiedKey::new(vec![CertificateDer::from(vec![0x30; 3000])], key)));
        let log = Arc::new(Log::default());
        let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .expect("the suite is of the version")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Believer))
            .with_no_client_auth();
        client.enable_early_data = true;
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("the suite is of the version")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Shown(shown.0)));
        server.max_early_data_size = 16 << 10;
        server.key_log = Arc::clone(&log) as Arc<dyn KeyLog>;
        Self { client: Arc::new(client), server: Arc::new(server), log }
    }

    /// What was logged of all their connections.
    #[must_use]
    pub fn key_log(&self) -> String {
        self.log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A connection that has not begun.
    ///
    /// # Panics
    /// When rustls refuses its own configuration.
    #[must_use]
    pub fn connect(&self) -> TlsPair {
        let name = ServerName::try_from("pbx.example").expect("it is a name");
        TlsPair {
            client: ClientConnection::new(Arc::clone(&self.client), name).expect("the client is configured"),
            server: ServerConnection::new(Arc::clone(&self.server)).expect("the server is configured"),
            log: Arc::clone(&self.log),
        }
    }
}

/// Not the keys.
impl std::fmt::Debug for TlsPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsPair").field("version", &self.client.protocol_version()).finish_non_exhaustive()
    }
}

impl TlsPair {
    /// A connection of its own: see [`TlsEnds::new`].
    #[must_use]
    pub fn new(suite: usize) -> Self {
        TlsEnds::new(suite).connect()
    }

    /// What was logged so far.
    #[must_use]
    pub fn key_log(&self) -> String {
        self.log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What both send until they have agreed: by whom, and what, in turn.
    ///
    /// # Panics
    /// When they do not agree.
    pub fn handshake(&mut self) -> Vec<(usize, Vec<u8>)> {
        let mut flights = Vec::new();
        loop {
            let before = flights.len();
            for side in 0..2 {
                let flight = self.flush(side);
                if !flight.is_empty() {
                    flights.push((side, flight));
                }
            }
            if flights.len() == before {
                assert!(!self.client.is_handshaking() && !self.server.is_handshaking(), "they agreed");
                return flights;
            }
        }
    }

    /// What `side` sends to say `text`. The other has heard it then.
    ///
    /// # Panics
    /// When the connection is broken.
    pub fn say(&mut self, side: usize, text: &[u8]) -> Vec<u8> {
        const WRITTEN: &str = "what is written to memory is written";
        let mut sent = Vec::new();
        // No more than rustls buffers.
        for part in text.chunks(16 << 10) {
            match side {
                0 => self.client.writer().write_all(part).expect(WRITTEN),
                _ => self.server.writer().write_all(part).expect(WRITTEN),
            }
            sent.extend(self.flush(side));
        }
        sent
    }

    /// What the client says before it has heard from the server; not all of it, perhaps none.
    pub fn say_early(&mut self, text: &[u8]) -> usize {
        self.client.early_data().map_or(0, |mut early| early.write(text).unwrap_or(0))
    }

    /// The next keys of `side` are other ones (TLS 1.3).
    ///
    /// # Panics
    /// In TLS 1.2.
    pub fn update_keys(&mut self, side: usize) {
        let updated = match side {
            0 => self.client.refresh_traffic_keys(),
            _ => self.server.refresh_traffic_keys(),
        };
        updated.expect("the version has key updates");
    }

    /// What `side` has to send; the other takes it.
    fn flush(&mut self, side: usize) -> Vec<u8> {
        const FITS: &str = "the peer understands it";
        let mut sent = Vec::new();
        while if side == 0 { self.client.wants_write() } else { self.server.wants_write() } {
            match side {
                0 => self.client.write_tls(&mut sent),
                _ => self.server.write_tls(&mut sent),
            }
            .expect(FITS);
        }
        let (mut rest, mut heard) = (sent.as_slice(), Vec::new());
        while !rest.is_empty() {
            if side == 0 {
                self.server.read_tls(&mut rest).expect(FITS);
                self.server.process_new_packets().expect(FITS);
                if let Some(mut early) = self.server.early_data() {
                    std::io::Read::read_to_end(&mut early, &mut heard).expect(FITS);
                }
            } else {
                self.client.read_tls(&mut rest).expect(FITS);
                self.client.process_new_packets().expect(FITS);
            }
            self.hear(1 - side, &mut heard);
        }
        sent
    }

    /// Takes what was said to `side`, so that there is room for more.
    fn hear(&mut self, side: usize, heard: &mut Vec<u8>) {
        let mut part = [0; 4096];
        loop {
            let read = match side {
                0 => std::io::Read::read(&mut self.client.reader(), &mut part),
                _ => std::io::Read::read(&mut self.server.reader(), &mut part),
            };
            match read {
                Ok(0) | Err(_) => return,
                Ok(len) => heard.extend(&part[..len]),
            }
        }
    }
}
