//! What a peer can do wrong.

/// A packet that is malformed, too large, or not allowed now. The answer to each is to close the connection, as the
/// reference implementation does; the state of a [`Client`](super::Client) that returned one is of no further use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The packet is an empty text.
    #[error("the packet is empty")]
    Empty,
    /// The packet starts with something else than the digits 0 to 6.
    #[error("the packet's type is unknown")]
    UnknownType,
    /// A binary packet without a number of attachments from 1 up and a dash.
    #[error("the number of attachments is invalid")]
    InvalidAttachments,
    /// A binary packet with more attachments than are accepted.
    #[error("there are more than {limit} attachments")]
    TooManyAttachments {
        /// How many are accepted.
        limit: u16,
    },
    /// A namespace's name of more than [`MAX_NAMESPACE_BYTES`](super::MAX_NAMESPACE_BYTES).
    #[error("the namespace's name is too long")]
    LongNamespace,
    /// An acknowledgment id beyond 64 bits.
    #[error("the acknowledgment id is too large")]
    LargeAckId,
    /// An ACK or BINARY_ACK without an id.
    #[error("the acknowledgment has no id")]
    MissingAckId,
    /// An event or acknowledgment without arguments.
    #[error("the payload is missing")]
    MissingPayload,
    /// The payload is not what this type of packet carries, or not JSON.
    #[error("the payload is invalid")]
    InvalidPayload,
    /// The payload's arrays and objects are nested too deep.
    #[error("the payload is nested deeper than {limit} levels")]
    DeepPayload {
        /// How many levels are accepted.
        limit: u8,
    },
    /// An event by a name that stands for something else on one of the sides, such as `disconnect`.
    #[error("the event's name is reserved")]
    ReservedEvent,
    /// A placeholder in a binary packet's payload that stands for none of its attachments.
    #[error("a placeholder names no attachment")]
    InvalidPlaceholder,
    /// A text while attachments of a binary packet are still to come.
    #[error("text came in place of an attachment")]
    TextForAttachment,
    /// A binary message that no binary packet announced.
    #[error("binary data came without a packet that announced it")]
    UnexpectedBinary,
    /// A binary packet that is larger than what is accepted, with its attachments.
    #[error("the packet is larger than {limit} bytes")]
    LargePacket {
        /// Bytes of text and attachments together that are accepted.
        limit: u32,
    },
    /// A packet for a namespace that is not connected (the first packet must be CONNECT).
    #[error("the namespace is not connected")]
    NotConnected,
    /// CONNECT for a namespace that is connected, or about to be.
    #[error("the namespace is connected already")]
    AlreadyConnected,
    /// CONNECT for more namespaces than are accepted on one connection.
    #[error("there are more than {limit} namespaces")]
    TooManyNamespaces {
        /// How many are accepted.
        limit: u8,
    },
    /// CONNECT_ERROR from a client.
    #[error("a client cannot refuse a connection")]
    UnexpectedConnectError,
}
