//! A server that begins an answer and then waits for its client to leave.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

/// The address, and the task that ends once the only client is gone.
pub(crate) async fn left_alone(answer: String) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let gone = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        // The head is all that this waits for: what comes behind it is read with the rest.
        while !asked.windows(4).any(|w| w == b"\r\n\r\n") {
            client.read_buf(&mut asked).await.unwrap();
        }
        client.write_all(answer.as_bytes()).await.unwrap();
        let mut rest = [0; 4096];
        while client.read(&mut rest).await.is_ok_and(|n| n > 0) {}
    });
    (address, gone)
}

/// The head of an answer whose body never ends, and the first piece of it.
pub(crate) fn endless(content_type: &str, piece: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{piece}\r\n",
        piece.len()
    )
}
