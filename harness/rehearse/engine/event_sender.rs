//! The way of events from the work to the one emitter.

use rehearse_core::outcome::event::EventKind;
use rehearse_core::outcome::note::Note;
use rehearse_core::vocabulary::ident::StageId;
use tokio::sync::mpsc::UnboundedSender;

/// Sends events to the run's emitter. If that is gone, the run is over and nobody needs them.
#[derive(Debug, Clone)]
pub(crate) struct EventSender(UnboundedSender<EventKind>);

impl EventSender {
    pub(crate) fn new(sender: UnboundedSender<EventKind>) -> Self {
        Self(sender)
    }

    pub(crate) fn emit(&self, kind: EventKind) {
        drop(self.0.send(kind));
    }

    pub(crate) fn progress(&self, stage: &StageId, text: impl Into<String>) {
        self.emit(EventKind::Progress { stage: stage.clone(), text: text.into() });
    }

    pub(crate) fn note(&self, stage: &StageId, note: Note) {
        self.emit(EventKind::Noted { stage: stage.clone(), note });
    }

    /// Adds a note that is only for people.
    pub(crate) fn remark(&self, stage: &StageId, text: impl Into<String>) {
        self.note(stage, Note::Remark(text.into()));
    }
}
