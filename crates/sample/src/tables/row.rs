//! One row while it is being written.

use crate::copy_text::CopyText;
use crate::draw::{Draw, stream};
use crate::words::Words;
use crate::world::{Tenant, World};

/// A row's place in the sample and its own stream of chance.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) world: &'a World,
    pub(crate) tenant: &'a Tenant,
    /// The row's number within its organisation and table, from 0.
    pub(crate) number: u64,
    pub(crate) draw: Draw,
}

impl<'a> Row<'a> {
    /// Row `number` of `tenant` in the table with that number.
    pub(crate) fn new(world: &'a World, table: u64, tenant: &'a Tenant, number: u64) -> Self {
        Self {
            world,
            tenant,
            number,
            draw: Draw::of([world.seed, stream::ROWS + table, tenant.index, number]),
        }
    }

    pub(crate) fn words(&self) -> &'a Words {
        &self.world.words
    }

    /// The trap in `list` that this row carries.
    pub(crate) fn trap(&self, list: &[&'static str]) -> Option<&'static str> {
        list.get(usize::try_from(self.number).ok()?).copied()
    }

    /// Writes the trap that this row carries: a value of `list`, or the NULL that follows the list. False when none.
    pub(crate) fn write_trap(&self, list: &[&'static str], out: &mut CopyText) -> bool {
        let carries = usize::try_from(self.number).is_ok_and(|number| number <= list.len());
        if carries {
            out.text_or_null(self.trap(list));
        }
        carries
    }

    /// One of `pool`, or '' of an empty pool.
    pub(crate) fn one_of<'b>(&mut self, pool: &'b [String]) -> &'b str {
        self.draw.pick(pool).map_or("", String::as_str)
    }

    /// Any member, and none once in `none` on average.
    pub(crate) fn member_or_none(&mut self, none: u64) -> Option<u64> {
        (!self.draw.once_in(none)).then(|| self.tenant.any_member(&mut self.draw))
    }

    /// A time up to `most` microseconds long.
    pub(crate) fn span(&mut self, most: i64) -> i64 {
        crate::moment::span(self.draw.below(u64::try_from(most).unwrap_or_default()))
    }

    /// A time when the row may have been created: rows are created in their order.
    pub(crate) fn created_at(&mut self, rows: u64) -> i64 {
        let fine = 1_000;
        let part = self.number * fine + self.draw.below(fine);
        crate::moment::between(
            crate::moment::START,
            crate::moment::END - crate::moment::DAY,
            part,
            rows * fine,
        )
    }
}
