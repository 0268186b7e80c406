//! The output of containers and of commands in them, chunk by chunk.

use bollard::container::LogOutput;

use crate::engine::host::{Sink, Stream};

/// Passes a chunk of output to the sink.
pub(crate) fn forward(chunk: LogOutput, sink: &mut dyn Sink) {
    match chunk {
        LogOutput::StdErr { message } => sink.take(Stream::Err, &message),
        LogOutput::StdOut { message } | LogOutput::Console { message } => sink.take(Stream::Out, &message),
        LogOutput::StdIn { .. } => {}
    }
}

/// Converts a chunk of output to the types of the rehearsal engine.
pub(crate) fn piece(chunk: LogOutput) -> Option<(Stream, Vec<u8>)> {
    match chunk {
        LogOutput::StdErr { message } => Some((Stream::Err, message.into())),
        LogOutput::StdOut { message } | LogOutput::Console { message } => Some((Stream::Out, message.into())),
        LogOutput::StdIn { .. } => None,
    }
}
