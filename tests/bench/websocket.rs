//! The plainest WebSocket server that there can be: it sends so many bytes to everybody who comes, and closes.

use bytes::Bytes;
use futures_util::SinkExt;
use tokio::net::TcpListener;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

/// Bytes of one message: of all sizes, what comes fastest.
const MESSAGE: usize = 1 << 20;

/// Serves until the program ends. Answers its address.
pub(crate) fn serve(size: u64) -> String {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            tell.send(listener.local_addr().expect("its address")).expect("somebody waits");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    stream.set_nodelay(true).expect("a socket");
                    let mut socket = accept_async(stream).await.expect("a WebSocket");
                    let message = Bytes::from(crate::tree::binary(MESSAGE));
                    for _ in 0..size / MESSAGE as u64 {
                        socket.send(Message::Binary(message.clone())).await.expect("it is read");
                    }
                    let _gone = socket.close(None).await;
                });
            }
        });
    });
    format!("ws://{}/", told.recv().expect("it listens"))
}
