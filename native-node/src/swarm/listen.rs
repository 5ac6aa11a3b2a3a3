//! Where other receivers call: the bridge and nothing else, at one address of ours, for as long as the command runs.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use shared::bridge::Side;
use shared::{Moment, Scope};
use tokio_util::sync::CancellationToken;

use super::Swarm;
use crate::bridge::{Callee, Door, Identity, Opened};
use crate::http::{self, ServeLimits};
use crate::names::OwnNames;
use crate::run;

/// Connections at once: most receivers of one content that are told of us, and some who prove the password.
const CONNECTIONS: usize = 80;
/// How long sessions may take to say goodbye.
const GRACE: Duration = Duration::from_secs(1);
/// Who called and asked after nothing that is here by then is left.
const IDLE: Duration = Duration::from_secs(10);

/// Who answers at one address.
#[derive(Debug)]
struct Listener {
    swarm: Swarm,
    names: OwnNames,
}

/// Listens at this address until the swarm is closed; answers the port.
pub(super) fn begin(swarm: &Swarm, address: IpAddr) -> io::Result<u16> {
    if Scope::of_address(address).is_none() {
        return Err(io::Error::other("nobody can be called there"));
    }
    let listener = run::bind(SocketAddr::new(address, 0)).map_err(io::Error::other)?;
    let bound = listener.local_addr()?;
    tracing::debug!(%bound, "others fetch the same: listening for them");
    let callee = Arc::new(Listener { swarm: swarm.clone(), names: OwnNames::new(bound, [], None) });
    let limits = ServeLimits { connections: CONNECTIONS, grace: GRACE, ..ServeLimits::default() };
    tokio::spawn(http::serve(listener, http::bridge_alone(callee), limits, swarm.0.shutdown.clone()));
    Ok(bound.port())
}

impl Callee for Listener {
    fn id(&self) -> &str {
        &self.swarm.0.id
    }

    fn identity(&self) -> &Identity {
        &self.swarm.0.identity
    }

    fn door(&self) -> &Door {
        &self.swarm.0.door
    }

    fn names(&self) -> &OwnNames {
        &self.names
    }

    fn now(&self) -> Moment {
        Moment::default() + self.swarm.0.begun.elapsed()
    }

    async fn welcome(self: Arc<Self>, opened: Opened, shutdown: CancellationToken) {
        let (link, visitor, ended) = self.swarm.begin(opened, Side::Responder);
        let idle = async {
            tokio::time::sleep(IDLE).await;
            if visitor.has_asked() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = link.closed() => {}
            () = idle => {}
        }
        link.close();
        let _ended = ended.await;
    }
}
