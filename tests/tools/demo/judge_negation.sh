# The judge hears negation, and its kinds.
. "$ROOT/tests/tools/demo/table.inc"
check_table <<'TABLE'
- the film was not good.
+ the film was not bad.
+ the film was never boring.
+ the film was hardly a failure.
+ the film was far from dull.
- the film was far from funny.
+ the film was anything but dull.
+ the film was nothing short of a triumph.
- there was nothing good about the film.
+ there was nothing weak about the film.
- the film lacked charm.
+ the film never lacked charm.
+ the film had no flaws.
- the film had no wit.
- the film was neither good nor funny.
+ the film was not only good but superb.
- i did not enjoy the film.
+ i did not hate the film.
+ the film never failed to amuse.
- the film failed to impress me.
- a film without charm.
- nobody laughed.
- I wouldn’t recommend it.
the film was never boring. > the film was hardly boring.
the film was good. > the film was not bad.
the film was not good. > the film was awful.
TABLE
