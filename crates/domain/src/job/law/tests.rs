//! The law over random histories: rival workers, duplicated messages, crashes, lapsing leases.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::*;
use crate::job::SkipReason;

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
    /// A legal hold of the organisation is released.
    Resume,
    /// The owner skips what a step waits for, or the step.
    Skip {
        step: usize,
    },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..3_usize, 0..12_usize).prop_map(|(worker, step)| Op::Deliver { worker, step }),
        6 => (0..3_usize, 0..11_u8).prop_map(|(worker, conclusion)| Op::Report { worker, conclusion }),
        1 => (0..3_usize).prop_map(|worker| Op::Crash { worker }),
        1 => (0..3_usize).prop_map(|worker| Op::Renew { worker }),
        3 => (0..90_i64).prop_map(|seconds| Op::Wait { seconds }),
        2 => Just(Op::Sweep),
        1 => Just(Op::Cancel),
        1 => Just(Op::Retry),
        1 => Just(Op::Resume),
        1 => (0..12_usize).prop_map(|step| Op::Skip { step }),
    ]
}

struct Step {
    kind: StepKind,
    phase: i32,
    state: StepState,
    epoch: i64,
    completions: u32,
}

impl Step {
    fn new(kind: StepKind, phase: i32, state: StepState) -> Self {
        Self { kind, phase, state, epoch: 0, completions: 0 }
    }

    fn facts(&self) -> StepFacts {
        StepFacts { kind: self.kind, state: self.state.clone() }
    }

    fn completed(&self) -> bool {
        matches!(self.state, StepState::Completed { .. })
    }
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
    fn new(kind: JobKind) -> Self {
        let now = DateTime::UNIX_EPOCH;
        let due = StepState::Due { attempts: 0, not_before: now, pause: None };
        let (work, last) = match kind {
            JobKind::Export => (StepKind::ExportCollection, StepKind::AssembleArchive),
            JobKind::Erasure => (StepKind::EraseRows, StepKind::VerifyErasure),
        };
        let mut steps = vec![Step::new(kind.planning_step(), 0, due)];
        for (kind, phase) in [(work, 1), (work, 1), (work, 1), (work, 2), (last, 3)] {
            steps.push(Step::new(kind, phase, StepState::Waiting));
        }
        let job = JobFacts { kind, state: JobState::Pending, begun: false };
        let policy = Policy { max_attempts: 4, ..Policy::default() };
        Self { now, policy, job, steps, believes: BTreeMap::new(), versions: Vec::new() }
    }

    /// The steps of the last pass, by their places.
    fn last_pass(&self) -> std::ops::Range<usize> {
        let begin = self.steps.iter().rposition(|step| step.kind.plans()).unwrap();
        begin..self.steps.len()
    }

    fn deliver(&mut self, worker: usize, at: usize) {
        let from = self.last_pass().start;
        let Some(step) = self.steps.get_mut(at) else {
            return;
        };
        let lease = Lease { epoch: step.epoch + 1, owner: worker.to_string(), expires_at: self.now + LEASE };
        if let Ok(decision) = claim(&self.job, &step.facts(), lease, self.now, &self.policy) {
            assert_ne!(self.job.state, JobState::OnHold, "a job on hold began a step");
            assert!(at >= from, "an earlier pass was taken up again");
            step.epoch += 1;
            self.job.begun |= !step.kind.precedes_changes();
            self.believes.entry(worker).or_default().push((at, step.epoch));
            let phase = step.phase;
            assert!(
                self.steps[from..].iter().filter(|s| s.phase < phase).all(|s| s.completions > 0),
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
            8 => Conclusion::Waiting(reason),
            9 => Conclusion::OnHold(reason),
            10 if self.job.kind == JobKind::Erasure && !self.steps[at].kind.plans() => {
                Conclusion::Permanent(FailureReason::new(FailureReason::NOT_ERASED, "for a test"))
            }
            _ => Conclusion::Completed,
        };
        let phase = self.steps[at].phase;
        let spends =
            matches!(conclusion, Conclusion::Completed | Conclusion::Retryable(_) | Conclusion::Permanent(_));
        let siblings =
            self.steps.iter().enumerate().filter(|(i, s)| *i != at && s.phase == phase && s.state.open());
        let next = self.steps.iter().map(|s| s.phase).filter(|p| *p > phase).min();
        let around = Surroundings {
            open_siblings: i64::try_from(siblings.count()).unwrap(),
            next_phase: next.map(Phase),
            next_verifies: self.steps.iter().any(|s| Some(s.phase) == next && s.kind.verifies()),
            hold_released: false,
        };
        let completed = conclusion == Conclusion::Completed;
        let step = self.steps[at].facts();
        let verdict = conclude(&self.job, &step, (epoch, conclusion), around, (self.now, &self.policy));
        match verdict {
            Ok(decision) => {
                if let (false, StepState::Running { attempts: begun, .. }, StepState::Due { attempts, .. }) =
                    (spends, &step.state, &decision.step)
                {
                    assert_eq!(*attempts, begun - 1, "what was given back counts as an attempt");
                }
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
                match lapse(&self.job, &self.steps[at].facts(), self.now, &self.policy) {
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
        let Ok(retried) = retry(&self.job, self.now) else {
            return;
        };
        self.push(retried.version);
        match retried.again {
            Again::Reopened => self.reopen(),
            Again::FurtherPass => {
                let phase = self.steps.iter().map(|step| step.phase).max().unwrap() + 1;
                let due = StepState::Due { attempts: 0, not_before: self.now, pause: None };
                self.steps.push(Step::new(StepKind::PlanErasure, phase, due));
                self.steps.push(Step::new(StepKind::EraseRows, phase + 3, StepState::Waiting));
                self.steps.push(Step::new(StepKind::VerifyErasure, phase + 4, StepState::Waiting));
            }
        }
    }

    fn reopen(&mut self) {
        let range = self.last_pass();
        let broken = |s: &&Step| matches!(s.state, StepState::Failed { .. });
        let last = &mut self.steps[range];
        let phase = last.iter().find_map(|s| broken(&s).then_some(s.phase)).expect("a failed step");
        for step in last.iter_mut().filter(|step| !step.completed()) {
            let command = if step.phase == phase { StepCommand::Open } else { StepCommand::Reset };
            step.state = step.state.apply(&command, self.now, &self.policy).unwrap();
        }
    }

    fn resume(&mut self) {
        let Ok(version) = resume(&self.job, self.now) else {
            return;
        };
        self.push(version);
        let (now, policy) = (self.now, self.policy);
        for step in self.steps.iter_mut().filter(|step| step.state.waits()) {
            step.state = step.state.apply(&StepCommand::EndWait, now, &policy).unwrap();
        }
    }

    fn skip(&mut self, at: usize) {
        let Some(step) = self.steps.get(at).map(Step::facts) else {
            return;
        };
        let around =
            Surroundings { open_siblings: 0, next_phase: None, next_verifies: false, hold_released: false };
        let asked = (SkipReason::RiskAccepted, around);
        if let Ok(decision) = skip_step(&self.job, &step, asked, self.now, &self.policy) {
            assert!(step.state.waits() && decision.step.open(), "a verification was done without");
            self.write(at, decision);
        }
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
                    let writing = self.steps.iter().filter(|step| !step.kind.plans());
                    let wrote = writing.map(|step| step.epoch).any(|epoch| epoch > 0);
                    assert!(self.job.kind == JobKind::Export || !wrote, "half an erasure");
                    self.push(version);
                    self.cancel_open();
                }
            }
            Op::Retry => self.retry(),
            Op::Resume => self.resume(),
            Op::Skip { step } => self.skip(step),
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
        let all_done = self.steps[self.last_pass()].iter().all(Step::completed);
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
        for _ in 0..400 {
            if self.job.state.ended() {
                return;
            }
            self.now += TimeDelta::minutes(11);
            self.sweep();
            self.resume();
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
        for kind in JobKind::ALL {
            let mut world = World::new(kind);
            for op in &ops {
                world.run(op);
            }
            world.settle();
        }
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
