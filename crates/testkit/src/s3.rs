//! An S3 server inside the test process, that fails as often as it is told to.

mod faults;
mod files;
mod versions;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

pub use faults::Faults;
use faults::{Fate, Fates};
use files::Files;
pub use versions::Lock;
use versions::Versions;

/// The one bucket there is.
pub const BUCKET: &str = "packages";

/// The credentials that the server takes.
pub const ACCESS_KEY: &str = "lethe-test";
/// The secret that belongs to [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "a secret key of the tests";

/// An S3 server on a free port, with one empty bucket in a directory of its own. It runs on a
/// thread of its own, whatever the test does meanwhile, and ends with this value.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    root: TempDir,
    fates: Arc<Fates>,
    versions: Option<Arc<Mutex<Versions>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl S3Server {
    /// Starts a server without faults, whose bucket knows no versions, nor how to list them.
    ///
    /// # Panics
    /// When there is no port or directory to be had.
    #[must_use]
    pub fn start() -> Self {
        Self::begin(None)
    }

    /// Starts a server whose bucket keeps all versions of its objects, which are written whole, and
    /// lists at most `page` of them at a time. Keys can be any text.
    ///
    /// # Panics
    /// When there is no port or directory to be had.
    #[must_use]
    pub fn with_versions(page: usize) -> Self {
        let versions = Versions { keeps: true, lists: true, page, ..Versions::default() };
        Self::begin(Some(Arc::new(Mutex::new(versions))))
    }

    /// Starts a server whose bucket knows no versions, and whose keys can be any text.
    ///
    /// # Panics
    /// When there is no port or directory to be had.
    #[must_use]
    pub fn with_any_keys() -> Self {
        Self::begin(Some(Arc::new(Mutex::new(Versions { page: 1000, ..Versions::default() }))))
    }

    /// Writes an object into the bucket, which has to be one of any keys.
    pub fn put(&self, key: &str, content: &[u8]) {
        self.in_memory(|versions| versions.put(key, content.to_vec()));
    }

    /// Deletes an object of the bucket as an application does that knows of no versions.
    pub fn hide(&self, key: &str) {
        self.in_memory(|versions| versions.hide(key));
    }

    fn begin(versions: Option<Arc<Mutex<Versions>>>) -> Self {
        let root = tempfile::tempdir().expect("a directory can be made");
        std::fs::create_dir(root.path().join(BUCKET)).expect("a bucket is a directory");
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        listener.set_nonblocking(true).expect("a listener can be asked not to block");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (fates, service) = (Arc::new(Fates::default()), service(root.path(), versions.clone()));
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn({
            let fates = Arc::clone(&fates);
            move || run(listener, service, &fates, stopped)
        });
        Self { address, root, fates, versions, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it listens.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bucket as a package store's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("s3://{BUCKET}/exports")
    }

    /// The options of a package store on this bucket; waits that are short, and long enough for a busy machine.
    #[must_use]
    pub fn options(&self) -> Vec<(String, String)> {
        let options = [
            ("aws_endpoint", self.endpoint()),
            ("aws_region", "us-east-1".to_owned()),
            ("aws_access_key_id", ACCESS_KEY.to_owned()),
            ("aws_secret_access_key", SECRET_KEY.to_owned()),
            ("allow_http", "true".to_owned()),
            ("connect_timeout", "2s".to_owned()),
            ("read_timeout", "5s".to_owned()),
        ];
        options.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// From now on requests fail like this.
    pub fn set_faults(&self, faults: Faults) {
        self.fates.set(faults);
    }

    /// How many requests came so far, those that failed included.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.fates.requests()
    }

    /// How many of them failed on purpose.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.fates.faults()
    }

    /// The keys of all objects, in order, as the bucket has them.
    #[must_use]
    pub fn objects(&self) -> Vec<String> {
        if self.versions.is_some() {
            return self.in_memory(|versions| versions.objects().map(|(key, _)| key.clone()).collect());
        }
        let bucket = self.root.path().join(BUCKET);
        let mut files = Vec::new();
        walk(&bucket, &mut files);
        let key = |file: &PathBuf| file.strip_prefix(&bucket).ok().map(|key| key.display().to_string());
        let mut keys: Vec<String> = files.iter().filter_map(key).collect();
        keys.sort_unstable();
        keys
    }

    /// From now on the bucket keeps versions, or does not. It has to know them.
    pub fn keep_versions(&self, keeps: bool) {
        self.in_memory(|versions| versions.keeps = keeps);
    }

    /// Locks the newest version of a key of the bucket.
    pub fn lock(&self, key: &str, lock: Lock) {
        self.in_memory(|versions| {
            let newest = versions.keys.get_mut(key).and_then(|versions| versions.first_mut());
            newest.expect("the key has a version").lock = Some(lock);
        });
    }

    /// How many versions, and how many delete markers, each key of the bucket has; those that have
    /// none are left out.
    #[must_use]
    pub fn versions(&self) -> Vec<(String, usize, usize)> {
        self.in_memory(|versions| {
            let counted = versions.keys.iter().map(|(key, versions)| {
                let contents = versions.iter().filter(|version| version.content.is_some()).count();
                (key.clone(), contents, versions.len() - contents)
            });
            counted.filter(|(_, contents, markers)| contents + markers > 0).collect()
        })
    }

    fn in_memory<T>(&self, f: impl FnOnce(&mut Versions) -> T) -> T {
        let versions = self.versions.as_ref().expect("the bucket is one in memory");
        f(&mut versions.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The ids of the multipart uploads that were neither completed nor aborted.
    #[must_use]
    pub fn uploads(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.root.path()).expect("the root can be read");
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let id = |name: String| {
            Some(name.strip_prefix(".upload-")?.strip_suffix(".json").filter(|id| id.len() == 36)?.to_owned())
        };
        names.filter_map(id).collect()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).unwrap_or_default();
        }
        // A panic in there would have failed the requests of the test already.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn service(root: &Path, versions: Option<Arc<Mutex<Versions>>>) -> S3Service {
    let mut builder = S3ServiceBuilder::new(Files::new(root, versions));
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    builder.build()
}

fn run(
    listener: std::net::TcpListener,
    service: S3Service,
    fates: &Arc<Fates>,
    mut stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let listener = TcpListener::from_std(listener).expect("the listener works");
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = &mut stopped => return,
            };
            if let Ok((stream, _)) = accepted {
                tokio::spawn(serve(stream, service.clone(), Arc::clone(fates)));
            }
        }
    });
}

type Answer = Response<Either<s3s::Body, Full<Bytes>>>;

async fn serve(stream: TcpStream, service: S3Service, fates: Arc<Fates>) {
    let answer = service_fn(|request: Request<Incoming>| {
        let fate = fates.next(request.uri().path_and_query().map_or("", |target| target.as_str()));
        let service = service.clone();
        async move { answer(fate, service, request).await }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    let connection = server.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), answer);
    // A client that gave up is what the faults are for.
    drop(connection.await);
}

async fn answer(
    fate: Fate,
    service: S3Service,
    request: Request<Incoming>,
) -> Result<Answer, s3s::HttpError> {
    match fate {
        Fate::Fine => Ok(service.call(request.map(s3s::Body::from)).await?.map(Either::Left)),
        Fate::Error => Ok(internal_error()),
        Fate::Stall => std::future::pending().await,
        Fate::LostAnswer => {
            drop(service.call(request.map(s3s::Body::from)).await);
            std::future::pending().await
        }
    }
}

fn internal_error() -> Answer {
    let body =
        "<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>on purpose</Message></Error>";
    let mut response = Response::new(Either::Right(Full::from(body)));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}
