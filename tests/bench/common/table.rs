//! The figures beside their targets.

/// One line for each figure.
#[derive(Debug, Default)]
pub struct Table(Vec<Line>);

#[derive(Debug)]
struct Line {
    what: String,
    target: String,
    figure: String,
    verdict: String,
}

/// What a figure must be.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

impl Table {
    /// Adds a figure in a unit. `reason` is what a figure that falls short is explained by.
    pub fn add(&mut self, what: &str, target: Target, (value, unit): (f64, &str), reason: &str) {
        let (sign, bound) = match target {
            Target::AtLeast(bound) => ('≥', bound),
            Target::AtMost(bound) => ('≤', bound),
        };
        let verdict = if target.met_by(value) { "met".to_owned() } else { format!("short: {reason}") };
        let line = Line {
            what: what.to_owned(),
            target: format!("{sign} {bound}{unit}"),
            figure: format!("{}{unit}", shown(value)),
            verdict,
        };
        println!("{:<62} {:>10} {:>10}  {}\n", line.what, line.target, line.figure, line.verdict);
        self.0.push(line);
    }

    pub fn print(&self) {
        println!("{:<62} {:>10} {:>10}", "figure", "target", "measured");
        for Line { what, target, figure, verdict } in &self.0 {
            println!("{what:<62} {target:>10} {figure:>10}  {verdict}");
        }
    }
}

fn shown(value: f64) -> String {
    if value < 20.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}
