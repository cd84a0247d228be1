//! Where the rows of a table hang below the rows of another: plain arithmetic, so that any row can be computed on its
//! own, nothing is kept in memory, and totals come out exactly.

/// The first child of parent `parent`, when `children` hang below `parents` and later parents have more of them.
///
/// Parent 0 has the fewest children and the last one about twice the average: a company that grows.
pub(crate) fn first_child(parent: u64, parents: u64, children: u64) -> u64 {
    let (parent, parents) = (u128::from(parent), u128::from(parents.max(1)));
    narrow(u128::from(children) * parent * parent / (parents * parents))
}

/// The parent of `child` under the rule of [`first_child`].
pub(crate) fn parent_of(child: u64, parents: u64, children: u64) -> u64 {
    let square = u128::from(parents) * u128::from(parents);
    let mut parent = narrow((u128::from(child) * square / u128::from(children.max(1))).isqrt());
    while parent + 1 < parents && first_child(parent + 1, parents, children) <= child {
        parent += 1;
    }
    while parent > 0 && first_child(parent, parents, children) > child {
        parent -= 1;
    }
    parent
}

/// The first part of whole `whole`, when `parts` are spread evenly over `wholes`.
pub(crate) fn first_part(whole: u64, wholes: u64, parts: u64) -> u64 {
    narrow(u128::from(whole) * u128::from(parts) / u128::from(wholes.max(1)))
}

/// The whole that `part` belongs to under the rule of [`first_part`].
pub(crate) fn whole_of(part: u64, wholes: u64, parts: u64) -> u64 {
    let mut whole = narrow(u128::from(part) * u128::from(wholes) / u128::from(parts.max(1)));
    while whole + 1 < wholes && first_part(whole + 1, wholes, parts) <= part {
        whole += 1;
    }
    whole
}

fn narrow(wide: u128) -> u64 {
    u64::try_from(wide).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_child_has_the_parent_that_counts_it() {
        for (parents, children) in [(1, 1), (1, 9), (3, 2), (7, 100), (12, 31), (250, 3_000), (100, 100)] {
            assert_eq!(
                (first_child(0, parents, children), first_child(parents, parents, children)),
                (0, children)
            );
            for child in 0..children {
                let parent = parent_of(child, parents, children);
                assert!(parent < parents);
                let range =
                    first_child(parent, parents, children)..first_child(parent + 1, parents, children);
                assert!(range.contains(&child), "child {child} of {children} under {parent} of {parents}");
            }
        }
    }

    #[test]
    fn every_part_has_the_whole_that_counts_it() {
        for (wholes, parts) in [(1, 1), (30, 40), (30, 30), (7, 100), (999, 1_303)] {
            for part in 0..parts {
                let whole = whole_of(part, wholes, parts);
                let range = first_part(whole, wholes, parts)..first_part(whole + 1, wholes, parts);
                assert!(range.contains(&part), "part {part} of {parts} in {whole} of {wholes}");
            }
            assert!(
                (0..wholes)
                    .all(|whole| first_part(whole, wholes, parts) < first_part(whole + 1, wholes, parts))
            );
        }
    }

    #[test]
    fn large_tables_do_not_overflow() {
        let (parents, children) = (40_000_000, 900_000_000);
        for child in [0, 1, 449_999_999, children - 1] {
            let parent = parent_of(child, parents, children);
            assert!(first_child(parent, parents, children) <= child);
            assert!(first_child(parent + 1, parents, children) > child);
        }
    }
}
