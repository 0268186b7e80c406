//! What a migrator prints, in all formats, on two streams, cut anywhere.

use rehearse_core::observation::migrations::{MigrationEvent, MigrationFormat, MigrationReader};

use crate::pieces::pieces;

const FORMATS: [MigrationFormat; 3] = [MigrationFormat::Rails, MigrationFormat::Django, MigrationFormat::Alembic];

/// The first byte sets where the output is cut and how it ends; the output begins behind it.
pub(crate) fn check(data: &[u8]) {
    let Some((seed, output)) = data.split_first() else { return };
    let well = seed % 2 == 0;
    for format in FORMATS {
        let (whole, told) = read(format, [output], well);
        let (cut, piecemeal) = read(format, pieces(output, *seed), well);
        assert_eq!(told, piecemeal, "{format:?}: it does not matter where an output is cut");
        assert_eq!((whole.ended(), whole.running()), (cut.ended(), cut.running()), "{format:?}");
        assert_eq!(whole.recorded(), cut.recorded(), "{format:?}");
        sound(&whole, &told, output);
        beside(format, output, *seed);
    }
}

fn read<'a>(
    format: MigrationFormat,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    well: bool,
) -> (MigrationReader, Vec<MigrationEvent>) {
    let mut reader = MigrationReader::new(format);
    let mut told: Vec<MigrationEvent> = pieces.into_iter().flat_map(|piece| reader.take(piece)).collect();
    told.extend(reader.finish(well));
    (reader, told)
}

/// Nothing is told that the output does not say.
fn sound(reader: &MigrationReader, told: &[MigrationEvent], output: &[u8]) {
    assert!(told.len() <= output.len(), "more is told than can be said");
    let (mut began, mut ended, mut reverted) = (0, 0_usize, 0);
    for told in told {
        let migration = match told {
            MigrationEvent::Began(migration) => {
                began += 1;
                migration
            }
            MigrationEvent::Ended(migration) => {
                ended += 1;
                migration
            }
            MigrationEvent::Reverted(migration) => {
                reverted += 1;
                migration
            }
        };
        assert!(!migration.version.is_empty(), "{migration:?}");
        assert!(migration.title().len() <= 8192, "{} bytes of a title", migration.title().len());
    }
    assert!(reader.ended().len() <= ended, "{} of {ended}", reader.ended().len());
    assert!(reverted > 0 || reader.ended().len() == ended, "nothing was taken back");
    assert!(reader.running().is_none() || began > 0);
    assert!(!reader.takes_back() || reader.running().is_some());
    for migration in reader.ended() {
        assert_eq!(reader.full(&migration.version, [migration.version.as_str()]), Some(migration.version.as_str()));
    }
}

/// What is printed on the other stream tells what it tells alone.
fn beside(format: MigrationFormat, output: &[u8], seed: u8) {
    let mut reader = MigrationReader::new(format);
    let mut told = Vec::new();
    for piece in pieces(output, seed) {
        // Lines that say nothing must not run into those of the first stream.
        told.extend(reader.take_err(b"noise"));
        told.extend(reader.take(piece));
        told.extend(reader.take_err(b" more\n"));
    }
    told.extend(reader.finish(false));
    assert_eq!(told, read(format, [output], false).1, "{format:?}");
}
