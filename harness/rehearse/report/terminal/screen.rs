//! The terminal on which the running stages move. It may go away at any time: somebody closes its window.

use std::io::{self, IsTerminal, Write, stderr};
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressDrawTarget, TermLike};
use rustix::termios::tcgetwinsize;

/// How often the moving lines are drawn in a second.
const FRAMES: u8 = 20;
/// The columns and rows of a terminal that does not know its size.
const SIZE: (u16, u16) = (80, 24);

/// Standard error as a screen. Whatever becomes of it, drawing succeeds: indicatif panics if it cannot draw, and that would
/// end the run without its teardown.
#[derive(Debug, Default)]
struct Screen {
    /// A frame is written at once.
    frame: Mutex<String>,
}

/// Where moving lines are drawn; nowhere unless standard error is a terminal.
pub(super) fn target() -> ProgressDrawTarget {
    if stderr().is_terminal() {
        ProgressDrawTarget::term_like_with_hz(Box::<Screen>::default(), FRAMES)
    } else {
        ProgressDrawTarget::hidden()
    }
}

fn size() -> (u16, u16) {
    let size = tcgetwinsize(stderr()).ok().map(|size| (size.ws_col, size.ws_row));
    size.filter(|(columns, rows)| *columns > 0 && *rows > 0).unwrap_or(SIZE)
}

impl Screen {
    fn add(&self, text: &str) -> io::Result<()> {
        self.frame.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
        Ok(())
    }

    /// Zero would mean one.
    fn moved(&self, by: usize, direction: char) -> io::Result<()> {
        if by > 0 { self.add(&format!("\u{1b}[{by}{direction}")) } else { Ok(()) }
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        size().0
    }

    fn height(&self) -> u16 {
        size().1
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.add(s)?;
        self.add("\n")
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.add(s)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add("\r\u{1b}[2K")
    }

    fn flush(&self) -> io::Result<()> {
        let frame = std::mem::take(&mut *self.frame.lock().unwrap_or_else(PoisonError::into_inner));
        let _lost = stderr().lock().write_all(frame.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_that_stays_writes_nothing() -> io::Result<()> {
        let screen = Screen::default();
        screen.move_cursor_up(0)?;
        screen.move_cursor_up(3)?;
        screen.clear_line()?;
        screen.write_line("hop-1")?;
        assert_eq!(*screen.frame.lock().unwrap_or_else(PoisonError::into_inner), "\u{1b}[3A\r\u{1b}[2Khop-1\n");
        Ok(())
    }
}
