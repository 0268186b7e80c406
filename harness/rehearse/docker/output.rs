//! What containers and commands in them print, chunk by chunk.

use bollard::container::LogOutput;

use crate::engine::host::{Sink, Stream};

/// Gives a chunk of output to the sink.
pub(crate) fn hear(chunk: LogOutput, sink: &mut dyn Sink) {
    match chunk {
        LogOutput::StdErr { message } => sink.take(Stream::Err, &message),
        LogOutput::StdOut { message } | LogOutput::Console { message } => sink.take(Stream::Out, &message),
        LogOutput::StdIn { .. } => {}
    }
}

/// A chunk of output as the engine of rehearsals takes it.
pub(crate) fn piece(chunk: LogOutput) -> Option<(Stream, Vec<u8>)> {
    match chunk {
        LogOutput::StdErr { message } => Some((Stream::Err, message.into())),
        LogOutput::StdOut { message } | LogOutput::Console { message } => Some((Stream::Out, message.into())),
        LogOutput::StdIn { .. } => None,
    }
}
