//! Images: found, pulled or built, and checked for the release that they hold.

use std::collections::HashMap;
use std::fs::File;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bollard::auth::DockerCredentials;
use bollard::models::ImageInspect;
use docker_credential::{DockerCredential, get_credential_from_reader};
use rehearse_core::outcome::note::ImageOrigin;
use rehearse_core::planning::path::Target;
use rehearse_core::secret::{Redactor, Secret};
use rehearse_core::vocabulary::release::Release;
use tokio::sync::{Mutex as AsyncMutex, Semaphore, SemaphorePermit};

use crate::docker::bootstrap;
use crate::docker::build;
use crate::docker::client::{absent_as_none, failed, refused};
use crate::docker::context::fingerprint;
use crate::docker::daemon::Daemon;
use crate::docker::doctor::memory_available;
use crate::docker::label::{self, OURS, plain};
use crate::docker::making::{Making, Progress, unobtainable};
use crate::docker::pull::pull;
use crate::docker::recipe::{Entry, Offer, Pull, RecipeCatalog};
use crate::docker::reference::Reference;
use crate::docker::release;
use crate::engine::host::{HostError, ImageRequest, ObtainedImage};

/// How many builds run at once; only one if memory is short.
const BUILDS: u32 = 2;
const MEMORY_FOR_TWO: u64 = 4 << 30;

/// The images of a run.
#[derive(Debug)]
pub(crate) struct Images {
    pub(crate) daemon: Arc<Daemon>,
    pub(crate) recipes: Arc<RecipeCatalog>,
    pub(crate) logs: PathBuf,
    pub(crate) scratch: PathBuf,
    pub(crate) credentials: Option<PathBuf>,
    pub(crate) redactor: Redactor,
    pub(crate) state: ImagesState,
}

/// What is known about images so far.
#[derive(Debug)]
pub(crate) struct ImagesState {
    slots: Semaphore,
    /// A lock for each image, so that two requests do not build it twice.
    build_locks: Mutex<HashMap<String, Arc<AsyncMutex<()>>>>,
    /// By id: the content of an image never changes.
    releases: Mutex<HashMap<String, Release>>,
    /// Why no registry responds, once that is known.
    registry_error: OnceLock<String>,
}

impl Default for ImagesState {
    fn default() -> Self {
        Self {
            slots: Semaphore::new(BUILDS as usize),
            build_locks: Mutex::default(),
            releases: Mutex::default(),
            registry_error: OnceLock::new(),
        }
    }
}

/// An image that exists on the engine, whatever release it holds.
struct Located {
    id: String,
    origin: ImageOrigin,
    provenance: String,
}

type Locating<'a> = Pin<Box<dyn Future<Output = Result<Located, HostError>> + Send + 'a>>;

impl Images {
    /// Makes an image available, and makes sure that it holds the right release. If this is dropped midway, the engine ends
    /// the build.
    pub(crate) async fn obtain(
        &self,
        wanted: &ImageRequest,
        progress: Progress<'_>,
    ) -> Result<ObtainedImage, HostError> {
        let located = self.locate(&wanted.name, wanted.holds.as_ref(), progress, Vec::new()).await?;
        let reference = Reference::of(&wanted.name);
        let entry = self.recipes.entry(&reference.repository);
        let release = match entry.and_then(|entry| entry.recipe.release_file.as_deref()) {
            Some(file) => Some(self.release(&wanted.name, &located.id, file).await?),
            None => None,
        };
        if let (Some(actual), Some(target)) = (&release, &wanted.holds) {
            let offer = entry.and_then(|entry| entry.recipe.offer(&reference.tag, Some(target)));
            release::judge(&wanted.name, actual, target, offer.as_ref().map(Offer::tag))?;
        }
        let Located { id, origin, provenance } = located;
        Ok(ObtainedImage { name: wanted.name.clone(), id, origin, release, provenance })
    }

    fn locate<'a>(
        &'a self,
        name: &'a str,
        holds: Option<&'a Target>,
        progress: Progress<'a>,
        trail: Vec<String>,
    ) -> Locating<'a> {
        Box::pin(async move {
            if trail.iter().any(|step| step == name) {
                return Err(unobtainable(name, format!("its recipe depends on itself: {}", trail.join(" → "))));
            }
            let reference = Reference::of(name);
            let entry = self.recipes.entry(&reference.repository);
            let offer = entry.and_then(|entry| entry.recipe.offer(&reference.tag, holds));
            let build_lock = match &offer {
                Some(offer) => format!("{}:{}", reference.repository, offer.tag()),
                None => name.to_owned(),
            };
            let build_lock = self.build_lock(build_lock);
            let _guard = build_lock.lock().await;

            let why = match entry.map_or(Pull::Try, |entry| entry.recipe.pull) {
                Pull::Never => "it is not in any registry".to_owned(),
                Pull::Try => match self.public(name, progress).await? {
                    Ok(located) => return Ok(located),
                    Err(why) => why,
                },
            };
            let Some(entry) = entry else {
                let reason = format!(
                    "{why}; load it with `docker load`, or add a recipe for it to a folder given with --images"
                );
                return Err(unobtainable(name, reason));
            };
            let Some(offer) = offer else {
                let tags = entry.recipe.tags();
                return Err(unobtainable(name, format!("{why}; its recipe only offers {tags}")));
            };
            self.make(&reference.repository, entry, offer, &why, progress, [trail, vec![name.to_owned()]].concat())
                .await
        })
    }

    /// The image of this public name, on the engine or in a registry; or the reason why there is none.
    async fn public(&self, name: &str, progress: Progress<'_>) -> Result<Result<Located, String>, HostError> {
        if let Some(image) = self.inspect(name).await? {
            return Ok(Ok(located(name, image, ImageOrigin::Found)?));
        }
        if let Some(registry_error) = self.state.registry_error.get() {
            return Ok(Err(registry_error.clone()));
        }
        let login = self.login(name).await;
        match pull(&self.daemon.client, name, login.as_ref(), progress).await {
            Ok(()) => match self.inspect(name).await? {
                Some(image) => Ok(Ok(located(name, image, ImageOrigin::Pulled)?)),
                None => Ok(Err("it was pulled, but is gone again".into())),
            },
            Err(error) => {
                let reason = error.to_string();
                if error.is_of_the_registry() {
                    let _ = self.state.registry_error.set(reason.clone());
                }
                Ok(Err(reason))
            }
        }
    }

    /// The credentials of the Docker client for the registry of an image. Their secret is redacted in every report.
    async fn login(&self, name: &str) -> Option<DockerCredentials> {
        let config = File::open(self.credentials.as_ref()?).ok()?;
        let registry = match Reference::registry(name) {
            Some(registry) => registry.to_owned(),
            None => self.daemon.client.quick().info().await.ok()?.index_server_address?,
        };
        let found = get_credential_from_reader(config, &registry).ok()?;
        let (username, password, identitytoken) = match found {
            DockerCredential::UsernamePassword(user, password) => (Some(user), Some(password), None),
            DockerCredential::IdentityToken(token) => (None, None, Some(token)),
        };
        let secret = password.as_ref().or(identitytoken.as_ref());
        let secret = secret.map(|secret| Secret::new(format!("the login at {registry}"), secret));
        let _plain = self.redactor.learn(secret, &[]);
        let serveraddress = Some(registry);
        Some(DockerCredentials { username, password, identitytoken, serveraddress, ..DockerCredentials::default() })
    }

    async fn make(
        &self,
        repository: &str,
        entry: &Entry,
        offer: Offer<'_>,
        why: &str,
        progress: Progress<'_>,
        trail: Vec<String>,
    ) -> Result<Located, HostError> {
        let name = format!("{repository}:{}", offer.tag());
        let base = match offer {
            Offer::Build(build) => {
                let of_base = |text: String| progress(format!("its base {}: {text}", build.base));
                Some(self.locate(&build.base, None, &of_base, trail).await?.id)
            }
            Offer::Bootstrap(_) => None,
        };
        let hash = match offer {
            Offer::Build(build) => {
                let args = build.args.iter().flat_map(|(key, value)| [key.as_str(), value]);
                fingerprint(&entry.files, args.chain(base.as_deref()))
            }
            Offer::Bootstrap(suite) => fingerprint(&[], bootstrap::identity(suite)),
        };
        let short = hash.get(..12).unwrap_or(&hash);
        let provenance = format!("built here as {name} from context {short}: {why}");
        let target = format!("{OURS}/{repository}:{}-{short}", plain(offer.tag()));
        if let Some(id) = self.built_before(&target, &hash).await? {
            return Ok(Located { id, origin: ImageOrigin::Found, provenance });
        }

        let _slot = self.slot(&name).await?;
        let log = self.logs.join(format!("image-{}.log", plain(&format!("{repository}-{}", offer.tag()))));
        let labels = HashMap::from([
            (label::IMAGE.to_owned(), repository.to_owned()),
            (label::CONTEXT.to_owned(), hash.clone()),
        ]);
        let redactor = &self.redactor;
        let making =
            Making { client: &self.daemon.client, name: &name, target: &target, labels, log, redactor, progress };
        match offer {
            Offer::Build(build) => {
                build::build(&making, &entry.files, base.as_deref().unwrap_or_default(), &build.args).await?
            }
            Offer::Bootstrap(suite) => bootstrap::bootstrap(&making, suite, &self.scratch).await?,
        }
        match self.inspect(&target).await?.and_then(|image| image.id) {
            Some(id) => Ok(Located { id, origin: ImageOrigin::Built, provenance }),
            None => Err(unobtainable(&name, "its build succeeded, but the engine has no such image".into())),
        }
    }

    /// The image that was built from this very context before. It is found by its name and then checked by its label: the
    /// layers of a failed build carry the labels of their base.
    async fn built_before(&self, target: &str, hash: &str) -> Result<Option<String>, HostError> {
        let Some(image) = self.inspect(target).await? else { return Ok(None) };
        let labels = image.config.and_then(|config| config.labels).unwrap_or_default();
        Ok(image.id.filter(|_| labels.get(label::CONTEXT).is_some_and(|context| context == hash)))
    }

    async fn inspect(&self, name: &str) -> Result<Option<ImageInspect>, HostError> {
        let image = self.daemon.client.quick().inspect_image(name).await;
        absent_as_none(image).map_err(failed("inspect", format!("image {name}")))
    }

    async fn release(&self, name: &str, id: &str, file: &str) -> Result<Release, HostError> {
        if let Some(known) = self.state.releases.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(known.clone());
        }
        let release = release::read(&self.daemon, name, id, file).await?;
        self.state.releases.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), release.clone());
        Ok(release)
    }

    fn build_lock(&self, name: String) -> Arc<AsyncMutex<()>> {
        let mut build_locks = self.state.build_locks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(build_locks.entry(name).or_default())
    }

    async fn slot(&self, name: &str) -> Result<SemaphorePermit<'_>, HostError> {
        let short = memory_available().is_some_and(|bytes| bytes < MEMORY_FOR_TWO);
        let slot = self.state.slots.acquire_many(if short { BUILDS } else { 1 }).await;
        slot.map_err(|error| refused("build", format!("image {name}"), error))
    }
}

fn located(name: &str, image: ImageInspect, origin: ImageOrigin) -> Result<Located, HostError> {
    let id = image.id.ok_or_else(|| unobtainable(name, "the engine reports no id for it".into()))?;
    let digest = image.repo_digests.and_then(|digests| digests.into_iter().next());
    let provenance = digest.unwrap_or_else(|| format!("an image of this name on this machine, {id}"));
    Ok(Located { id, origin, provenance })
}
