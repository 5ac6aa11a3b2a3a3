//! Who this process is in every handshake: the prepared password, a random id, and what it says about itself.

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use shared::Password;
use shared::bridge::{Flags, InstanceId, Secret, SecretError};

/// The networks have no names yet: those of one password are one network.
const NETWORK: &str = "";

/// What one process shows in all its handshakes.
#[derive(Debug, Clone)]
pub struct Identity {
    secret: Preparing,
    /// Random per process.
    pub(super) id: InstanceId,
    /// What is said about this process.
    pub(super) flags: Flags,
}

/// The password while it is prepared, and from then on.
type Preparing = Shared<BoxFuture<'static, Result<Secret, IdentityError>>>;

/// Why the password cannot be prepared.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IdentityError {
    /// No memory for it.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The operating system gives no randomness.
    #[error("no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The program is ending.
    #[error("the program is ending")]
    Ending,
}

impl Identity {
    /// Draws an id and begins to prepare the password, which takes some 30 ms of a thread that may block. Once per process.
    ///
    /// # Errors
    /// [`IdentityError::Randomness`].
    pub fn begin(password: &Password, legacy: bool) -> Result<Self, IdentityError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id)?;
        let password = password.clone();
        let derived = tokio::task::spawn_blocking(move || Secret::derive(&password, NETWORK));
        let secret = async { Ok(derived.await.map_err(|_| IdentityError::Ending)??) }.boxed().shared();
        Ok(Self { secret, id: InstanceId(id), flags: if legacy { Flags::LEGACY } else { Flags::default() } })
    }

    /// The same, with the password prepared.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub async fn new(password: &Password, legacy: bool) -> Result<Self, IdentityError> {
        let identity = Self::begin(password, legacy)?;
        identity.prepared().await?;
        Ok(identity)
    }

    /// Waits until the password is prepared.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub async fn prepared(&self) -> Result<(), IdentityError> {
        self.secret().await.map(drop)
    }

    /// The prepared password, as good as the password itself, as soon as there is one.
    pub(super) async fn secret(&self) -> Result<Secret, IdentityError> {
        self.secret.clone().await
    }

    /// The random id. No secret.
    #[must_use]
    pub fn id(&self) -> InstanceId {
        self.id
    }

    /// Whether this process also speaks the protocol of 2004.
    #[must_use]
    pub fn legacy(&self) -> bool {
        self.flags.contains(Flags::LEGACY)
    }
}
