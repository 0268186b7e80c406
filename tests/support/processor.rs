//! Time on a processor: other work on the machine hardly changes it.

/// Seconds that this process took, and those that it started and waited for, the kernel's work for them included.
pub(crate) fn on_cpu() -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Fields are counted from behind the command's name, which may hold blanks; user and system time of the process and
    // of its children, in hundredths.
    let fields = stat.rsplit_once(')').ok_or("no stat")?.1.split_whitespace();
    let ticks: Result<Vec<f64>, _> = fields.skip(11).take(4).map(str::parse).collect();
    Ok(ticks?.iter().sum::<f64>() / 100.0)
}
