//! What a mutated response looks like.

use super::MutationKind;
use crate::observation::{Body, Response, SqlRefusal};

/// How a response is changed on its way to a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseFault {
    /// It is an error of the server.
    Failed,
    /// It refuses the identity.
    Refused,
    /// It has no content.
    Empty,
    /// Its second half is missing.
    Cut,
}

impl ResponseFault {
    /// All faults.
    pub const ALL: [Self; 4] = [Self::Failed, Self::Refused, Self::Empty, Self::Cut];

    /// The kind of mutation that it is.
    pub fn kind(self) -> MutationKind {
        match self {
            Self::Failed => MutationKind::ResponseFailed,
            Self::Refused => MutationKind::ResponseRefused,
            Self::Empty => MutationKind::ResponseEmpty,
            Self::Cut => MutationKind::ResponseCut,
        }
    }

    /// The response with the fault; `None` where it would make no difference.
    pub fn applied(self, response: &Response) -> Option<Response> {
        let mut changed = response.clone();
        match (self, &mut changed) {
            (Self::Failed, Response::Http(response)) => {
                response.status = 500;
                response.body = body("{\"error\":\"internal server error\"}");
            }
            (Self::Failed, Response::Exec(ended)) => ended.exit = if ended.exit == 0 { 1 } else { 0 },
            (Self::Failed, rows @ Response::Rows(_)) => {
                let (sqlstate, message) = ("XX000".to_owned(), "internal error".to_owned());
                *rows = Response::Rejected(SqlRefusal { sqlstate, number: None, message });
            }
            (Self::Refused, Response::Http(response)) => {
                let refused = matches!(response.status, 401 | 403);
                response.status = if refused { 200 } else { 403 };
                if !refused {
                    response.body = body("{\"error\":\"forbidden\"}");
                }
            }
            // What a refusal or a redirect says is not content.
            (Self::Empty | Self::Cut, Response::Http(response)) if response.status >= 300 => return None,
            (Self::Empty, Response::Http(response)) => response.body = body(""),
            (Self::Empty, Response::Exec(ended)) => ended.out = body(""),
            (Self::Empty, Response::Rows(rows)) => rows.rows.clear(),
            (Self::Cut, Response::Http(response)) => response.body = half(&response.body),
            (Self::Cut, Response::Exec(ended)) => ended.out = half(&ended.out),
            (Self::Cut, Response::Rows(rows)) => rows.rows.truncate(rows.rows.len() / 2),
            (Self::Refused, Response::Exec(_) | Response::Rows(_))
            | (_, Response::NoResponse { .. } | Response::Rejected(_) | Response::ProbeError { .. }) => return None,
        }
        (changed != *response).then_some(changed)
    }
}

fn half(whole: &Body) -> Body {
    let keep = whole.text.chars().count() / 2;
    body(&whole.text.chars().take(keep).collect::<String>())
}

fn body(text: &str) -> Body {
    // No digest of a real body begins like this.
    Body { size: text.len() as u64, digest: format!("planted-{}", text.len()), text: text.to_owned(), cut: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{HttpResponse, Rows};

    #[test]
    fn a_fault_changes_a_response_or_is_none() {
        let page = Response::Http(HttpResponse { status: 200, body: body("0123456789"), ..HttpResponse::default() });
        for fault in ResponseFault::ALL {
            assert_ne!(fault.applied(&page), Some(page.clone()));
            assert!(fault.applied(&page).is_some(), "{fault:?}");
        }
        let none = Response::Rows(Rows::default());
        assert_eq!(ResponseFault::Empty.applied(&none), None);
        assert_eq!(ResponseFault::Cut.applied(&none), None);
        assert_eq!(ResponseFault::Refused.applied(&none), None);
        let refused = Response::Http(HttpResponse { status: 403, ..HttpResponse::default() });
        assert_eq!(ResponseFault::Refused.applied(&refused).and_then(|it| it.http_status()), Some(200));
    }
}
