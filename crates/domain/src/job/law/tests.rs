//! The law over random histories: rival workers, duplicated messages, crashes, lapsing leases.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::*;

const LEASE: TimeDelta = TimeDelta::seconds(60);

#[derive(Debug, Clone)]
enum Op {
    /// A message about the step reaches the worker (again).
    Deliver {
        worker: usize,
        step: usize,
    },
    /// The worker reports the end of what it believes to hold.
    Report {
        worker: usize,
        conclusion: u8,
    },
    /// The worker dies and forgets.
    Crash {
        worker: usize,
    },
    /// The worker renews its lease.
    Renew {
        worker: usize,
    },
    /// Time passes.
    Wait {
        seconds: i64,
    },
    /// The sweeper looks at every lease.
    Sweep,
    Cancel,
    Retry,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..3_usize, 0..6_usize).prop_map(|(worker, step)| Op::Deliver { worker, step }),
        6 => (0..3_usize, 0..8_u8).prop_map(|(worker, conclusion)| Op::Report { worker, conclusion }),
        1 => (0..3_usize).prop_map(|worker| Op::Crash { worker }),
        1 => (0..3_usize).prop_map(|worker| Op::Renew { worker }),
        3 => (0..90_i64).prop_map(|seconds| Op::Wait { seconds }),
        2 => Just(Op::Sweep),
        1 => Just(Op::Cancel),
        1 => Just(Op::Retry),
    ]
}

fn exporting(state: &StepState) -> StepFacts {
    StepFacts { kind: StepKind::ExportCollection, state: state.clone() }
}

struct Step {
    phase: i32,
    state: StepState,
    epoch: i64,
    completions: u32,
}

/// The rows of the control database, and what each worker believes.
struct World {
    now: DateTime<Utc>,
    policy: Policy,
    job: JobFacts,
    steps: Vec<Step>,
    believes: BTreeMap<usize, Vec<(usize, i64)>>,
    versions: Vec<Version>,
}

impl World {
    fn new() -> Self {
        let now = DateTime::UNIX_EPOCH;
        let due = StepState::Due { attempts: 0, not_before: now, last_failure: None };
        let step = |phase, state| Step { phase, state, epoch: 0, completions: 0 };
        let steps = vec![
            step(0, due),
            step(1, StepState::Waiting),
            step(1, StepState::Waiting),
            step(1, StepState::Waiting),
            step(2, StepState::Waiting),
            step(3, StepState::Waiting),
        ];
        let job = JobFacts { kind: JobKind::Export, state: JobState::Pending };
        let policy = Policy { max_attempts: 4, ..Policy::default() };
        Self { now, policy, job, steps, believes: BTreeMap::new(), versions: Vec::new() }
    }

    fn deliver(&mut self, worker: usize, at: usize) {
        let step = &mut self.steps[at];
        let lease = Lease { epoch: step.epoch + 1, owner: worker.to_string(), expires_at: self.now + LEASE };
        if let Ok(decision) = claim(&self.job, &exporting(&step.state), lease, self.now, &self.policy) {
            step.epoch += 1;
            self.believes.entry(worker).or_default().push((at, step.epoch));
            let phase = step.phase;
            assert!(
                self.steps.iter().filter(|s| s.phase < phase).all(|s| s.completions > 0),
                "a phase began before the one before it ended"
            );
            self.write(at, decision);
        }
    }

    fn report(&mut self, worker: usize, conclusion: u8) {
        let Some((at, epoch)) = self.believes.entry(worker).or_default().pop() else {
            return;
        };
        let reason = FailureReason::new("test", "for a test");
        let conclusion = match conclusion {
            0 => Conclusion::Permanent(reason),
            1 | 2 => Conclusion::Retryable(reason),
            3 => Conclusion::Released,
            _ => Conclusion::Completed,
        };
        let phase = self.steps[at].phase;
        let siblings =
            self.steps.iter().enumerate().filter(|(i, s)| *i != at && s.phase == phase && s.state.open());
        let next = self.steps.iter().map(|s| s.phase).filter(|p| *p > phase).min();
        let around = Surroundings {
            open_siblings: i64::try_from(siblings.count()).unwrap(),
            next_phase: next.map(Phase),
            next_verifies: next == Some(3),
        };
        let completed = conclusion == Conclusion::Completed;
        let step = exporting(&self.steps[at].state);
        let verdict = conclude(&self.job, &step, (epoch, conclusion), around, (self.now, &self.policy));
        match verdict {
            Ok(decision) => {
                assert_eq!(self.steps[at].epoch, epoch, "a holder of an old epoch concluded");
                if completed {
                    self.steps[at].completions += 1;
                }
                self.write(at, decision);
            }
            Err(refused) => assert_eq!(refused, Refused::Fenced),
        }
    }

    fn sweep(&mut self) {
        for at in 0..self.steps.len() {
            if let StepState::Running { lease, .. } = &self.steps[at].state {
                let alive = lease.expires_at > self.now;
                match lapse(&self.job, &exporting(&self.steps[at].state), self.now, &self.policy) {
                    Ok(decision) => {
                        assert!(!alive, "a live lease lapsed");
                        self.write(at, decision);
                    }
                    Err(_) => assert!(alive),
                }
            }
        }
    }

    fn write(&mut self, at: usize, decision: Decision) {
        self.steps[at].state = decision.step;
        for version in decision.versions {
            self.push(version);
        }
        if let Some(phase) = decision.opens {
            self.open(|step| step.phase == phase.0 && step.state == StepState::Waiting);
        }
        if decision.cancels_siblings {
            self.cancel_open();
        }
    }

    fn push(&mut self, version: Version) {
        if let Some(previous) = self.versions.last()
            && previous.state.ended()
        {
            assert_eq!(version.action, Action::JobRetried, "an ended job moved by itself");
        }
        self.job.state = version.state.clone();
        self.versions.push(version);
    }

    fn open(&mut self, which: impl Fn(&Step) -> bool) {
        let (now, policy) = (self.now, self.policy);
        for step in self.steps.iter_mut().filter(|step| which(step)) {
            step.state = step.state.apply(&StepCommand::Open, now, &policy).unwrap();
        }
    }

    fn cancel_open(&mut self) {
        let (now, policy) = (self.now, self.policy);
        for step in self.steps.iter_mut().filter(|step| step.state.open()) {
            step.state = step.state.apply(&StepCommand::Cancel, now, &policy).unwrap();
        }
    }

    fn retry(&mut self) {
        let Ok(version) = retry(&self.job, self.now) else {
            return;
        };
        let broken = |s: &&Step| matches!(s.state, StepState::Failed { .. });
        let phase = self.steps.iter().find(broken).map(|s| s.phase).expect("a failed job has a failed step");
        self.push(version);
        for step in self.steps.iter_mut().filter(|s| s.phase > phase) {
            step.state = step.state.apply(&StepCommand::Reset, self.now, &self.policy).unwrap();
        }
        self.open(|s| s.phase == phase && !matches!(s.state, StepState::Completed { .. }));
    }

    fn run(&mut self, op: &Op) {
        match *op {
            Op::Deliver { worker, step } => self.deliver(worker, step),
            Op::Report { worker, conclusion } => self.report(worker, conclusion),
            Op::Crash { worker } => drop(self.believes.remove(&worker)),
            Op::Renew { worker } => {
                for (at, epoch) in self.believes.get(&worker).cloned().unwrap_or_default() {
                    let renew = StepCommand::Renew { epoch, until: self.now + LEASE };
                    if let Ok(state) = self.steps[at].state.apply(&renew, self.now, &self.policy) {
                        assert_eq!(self.steps[at].epoch, epoch);
                        self.steps[at].state = state;
                    }
                }
            }
            Op::Wait { seconds } => self.now += TimeDelta::seconds(seconds),
            Op::Sweep => self.sweep(),
            Op::Cancel => {
                if let Ok(version) = cancel(&self.job, self.now) {
                    self.push(version);
                    self.cancel_open();
                }
            }
            Op::Retry => self.retry(),
        }
        self.check();
    }

    fn check(&self) {
        for step in &self.steps {
            assert!(step.completions <= 1, "a step took effect twice");
            if let StepState::Running { attempts, .. } | StepState::Due { attempts, .. } = &step.state {
                assert!(*attempts <= self.policy.max_attempts, "attempts without bound");
            }
        }
        let all_done = self.steps.iter().all(|s| matches!(s.state, StepState::Completed { .. }));
        assert_eq!(matches!(self.job.state, JobState::Completed { .. }), all_done);
        if self.job.state.ended() {
            assert!(self.steps.iter().all(|s| !s.state.open()), "an ended job has open steps");
        } else {
            assert!(
                self.steps.iter().any(|s| s.state.open() && s.state != StepState::Waiting),
                "nobody can move the job"
            );
        }
    }

    /// Whatever happened before, an honest worker and the sweeper bring the job to an end.
    fn settle(&mut self) {
        self.believes.clear();
        for _ in 0..200 {
            if self.job.state.ended() {
                return;
            }
            self.now += TimeDelta::minutes(11);
            self.sweep();
            for at in 0..self.steps.len() {
                self.deliver(9, at);
                self.report(9, 7);
            }
            self.check();
        }
        panic!("the job never ends: {:?}", self.job.state);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn laws_hold_over_any_history(ops in prop::collection::vec(op(), 0..120)) {
        let mut world = World::new();
        for op in &ops {
            world.run(op);
        }
        world.settle();
    }
}

#[test]
fn the_names_of_states_are_the_ones_listed() {
    let at = DateTime::UNIX_EPOCH;
    let reason = FailureReason::lapsed();
    let all = [
        JobState::AwaitingApproval,
        JobState::Scheduled { not_before: at },
        JobState::Pending,
        JobState::Running,
        JobState::Retrying,
        JobState::OnHold,
        JobState::Verifying,
        JobState::Completed { at },
        JobState::Failed { at, reason },
        JobState::Cancelled { at },
        JobState::Expired { at },
    ];
    assert_eq!(all.map(|state| state.name()), JobState::NAMES);
}
