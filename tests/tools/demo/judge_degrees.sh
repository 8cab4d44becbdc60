# Degrees, mixed feelings, long texts and capitals.
. "$ROOT/tests/tools/demo/table.inc"
check_table <<'TABLE'
the film was superb. > the film was good.
the film was very good. > the film was good.
the film was good. > the film was somewhat good.
the film was boring. > the film was utterly boring.
the film was good and the music was superb. > the film was good and the music was bad.
the film was bad and the music was superb. > the film was bad and the music was dull.
The FILM was Superb! = the film was superb.
+ It isn't a masterpiece, but I really enjoyed it!
+ A warm, funny film with plenty of heart.
- What a waste of time.
- the film was slow and it was too long.
the film was superb, the music was lovely and the cast was brilliant. > the film was superb.
+ the film was superb. the music was lovely. the cast was brilliant. the plot was clever. it was witty.
the film was superb. the music was superb. > the film was superb. the music was dull.
TABLE
