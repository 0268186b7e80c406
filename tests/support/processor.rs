//! The time of this process on a processor: what a machine with other work on it leaves as it is.

/// Seconds that it took, of its own and of the kernel for it.
pub(crate) fn on_cpu() -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Fields are counted from behind the command's name, which may hold blanks; user and system time, in hundredths.
    let fields = stat.rsplit_once(')').ok_or("no stat")?.1.split_whitespace();
    let ticks: Result<Vec<f64>, _> = fields.skip(11).take(2).map(str::parse).collect();
    Ok(ticks?.iter().sum::<f64>() / 100.0)
}
