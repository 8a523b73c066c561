//! Whole rollouts and scale-downs against a small model of the Deployment's controller. Each plan is made from facts alone,
//! so every step is one after a restart of the operator.

use std::time::Duration;

use proptest::prelude::*;

use super::super::*;
use super::pod;

/// What the controller keeps. It acts at random moments, at most one pod a time, and never while paused.
struct World {
    facts: Facts,
    made: usize,
}

impl World {
    fn new(sessions: &[u64]) -> Self {
        let pods = sessions.iter().enumerate();
        let pods = pods.map(|(index, sessions)| pod(&format!("p{index}"), "old", "", *sessions));
        Self {
            facts: Facts {
                replicas: u32::try_from(sessions.len()).unwrap(),
                paused: false,
                observed: true,
                deadline_exceeded: false,
                template_is_current: true,
                revision: Some("old".to_owned()),
                pods: pods.collect(),
            },
            made: 0,
        }
    }

    fn operator(&mut self, intent: &Intent) -> Plan {
        let plan = plan(&self.facts, intent);
        for pod in &mut self.facts.pods {
            pod.is_victim |= plan.victim.as_ref() == Some(&pod.name);
            pod.is_victim &= !plan.unmark.contains(&pod.name);
        }
        self.facts.paused = plan.paused;
        self.facts.replicas = plan.replicas;
        plan
    }

    /// One act: a surge of one, never fewer ready than wanted. Returns the pod that begins to drain.
    fn controller(&mut self, choice: usize) -> Option<usize> {
        let wanted = self.facts.replicas as usize;
        let live = self.facts.live().count();
        let revision = self.facts.revision.clone().unwrap();
        let has_old = self.facts.old().next().is_some();
        let most = wanted + usize::from(has_old && !self.facts.paused);
        if live < most {
            self.made += 1;
            let new = pod(&format!("n{}", self.made), &revision, "u", 0);
            self.facts.pods.push(new);
            return None;
        }
        if let Some(starting) = self.facts.pods.iter_mut().find(|pod| !pod.ready) {
            starting.ready = true;
            return None;
        }
        if live <= wanted || (self.facts.paused && has_old) {
            return None;
        }
        let is_old = |pod: &Pod| !self.facts.is_new(pod);
        let mut choices: Vec<usize> = (0..self.facts.pods.len())
            .filter(|index| !self.facts.pods[*index].terminating)
            .filter(|index| !has_old || is_old(&self.facts.pods[*index]))
            .collect();
        if choices
            .iter()
            .any(|index| self.facts.pods[*index].is_victim)
        {
            choices.retain(|index| self.facts.pods[*index].is_victim);
        }
        let chosen = choices[choice % choices.len()];
        self.facts.pods[chosen].terminating = true;
        Some(chosen)
    }

    /// A second passes: the budget closes sessions, and what is empty goes.
    fn second(&mut self, rate: u64) {
        let mut budget = rate;
        for pod in self.facts.pods.iter_mut().filter(|pod| pod.terminating) {
            let sample = pod.sample.as_mut().unwrap();
            let closed = sample.sessions.min(budget);
            sample.sessions -= closed;
            budget -= closed;
        }
        self.facts
            .pods
            .retain(|pod| !pod.terminating || pod.sample.unwrap().sessions > 0);
    }

    /// The rule, for the pod that has just begun.
    fn assert_admitted(&self, began: usize, room: u64) {
        let draining: Vec<u64> = self
            .facts
            .draining()
            .map(|pod| pod.sample.unwrap().sessions)
            .collect();
        let sum: u64 = draining.iter().sum();
        let name = &self.facts.pods[began].name;
        assert!(
            draining.len() == 1 || sum <= room,
            "{name}: {draining:?} > {room}"
        );
    }
}

fn intent(replicas: usize, rate: u32) -> Intent {
    Intent {
        replicas: u32::try_from(replicas).unwrap(),
        reconnects_per_second: rate,
        timeout: Duration::from_secs(10),
        max_age: Duration::from_secs(15),
        is_memory: false,
    }
}

fn run(
    world: &mut World,
    intent: &Intent,
    acts: &[usize],
    mut look: impl FnMut(&World, &Plan),
) -> bool {
    let room = u64::from(intent.reconnects_per_second) * 9;
    for act in acts.iter().cycle().take(20_000) {
        let plan = world.operator(intent);
        look(world, &plan);
        if act % 2 == 0 {
            world.second(u64::from(intent.reconnects_per_second));
        } else if let Some(began) = world.controller(act / 2) {
            world.assert_admitted(began, room);
        }
        let is_done = world.facts.pods.len() == intent.replicas as usize;
        if is_done && !world.facts.is_rolling() && world.facts.replicas == intent.replicas {
            return true;
        }
    }
    false
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_rollout_keeps_the_rule_and_ends(
        sessions in prop::collection::vec(0..1_500_u64, 1..8),
        rate in 10..200_u32,
        acts in prop::collection::vec(0..64_usize, 30..60),
    ) {
        let mut world = World::new(&sessions);
        world.facts.revision = Some("new".to_owned());
        let acts = [acts, vec![1, 2]].concat();
        let wanted = sessions.len();
        let ended = run(&mut world, &intent(wanted, rate), &acts, |world, plan| {
            assert_eq!(plan.replicas as usize, wanted);
            let ready = world.facts.live().filter(|pod| pod.ready).count();
            assert!(ready >= wanted, "{ready} ready of {wanted}");
        });
        prop_assert!(ended, "{:?}", world.facts);
    }

    #[test]
    fn a_scale_down_takes_the_emptiest_one_by_one(
        sessions in prop::collection::vec(0..1_500_u64, 2..8),
        rate in 10..200_u32,
        to in 1..4_usize,
        acts in prop::collection::vec(0..64_usize, 30..60),
    ) {
        let to = to.min(sessions.len());
        let mut world = World::new(&sessions);
        let acts = [acts, vec![1, 2]].concat();
        let mut before = world.facts.replicas;
        let ended = run(&mut world, &intent(to, rate), &acts, |world, plan| {
            assert!(!plan.paused && plan.mismatched.is_empty());
            assert!(before - world.facts.replicas <= 1, "one a step");
            before = world.facts.replicas;
        });
        prop_assert!(ended, "{:?}", world.facts);
        let mut kept: Vec<u64> = sessions;
        kept.sort_unstable();
        let mut live: Vec<u64> = world.facts.live().map(|pod| pod.sample.unwrap().sessions).collect();
        live.sort_unstable();
        prop_assert_eq!(&kept[kept.len() - to..], &live[..]);
    }
}
