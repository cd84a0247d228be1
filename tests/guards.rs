//! Does the list of guards fit the code? `make soak` switches them off.

use std::fs;
use std::path::Path;

use tests::guards::all;

#[test]
fn each_guard_stands_where_the_list_says() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for guard in all(&workspace).unwrap() {
        let text = fs::read_to_string(workspace.join(&guard.file)).unwrap();
        guard.off(&text).unwrap();
    }
}
