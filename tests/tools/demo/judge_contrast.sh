# What is conceded weighs less than what is said against it; hopes and others' opinions less than one's own.
. "$ROOT/tests/tools/demo/table.inc"
check_table <<'TABLE'
+ the plot was weak but the acting was superb.
- the acting was fine but the plot was terrible.
the plot was weak but the acting was superb. > the acting was superb but the plot was weak.
although the plot was dull, the acting was good. > although the acting was good, the plot was dull.
although the plot was weak, the acting was good. > the plot was weak although the acting was bad.
the acting was good although the plot was weak. > the plot was weak although the acting was good.
+ despite the weak plot, the film was superb.
- the acting was good. however, the plot was awful.
the plot was weak, yet the acting was good. = the plot was weak, but the acting was good.
the acting was good. the plot was bad, though. > the acting was good, though. the plot was bad.
+ the film was not dull but fresh.
0 i hoped that it would be good.
0 i expected a dull film.
+ i expected a dull film but it was superb.
my sister found it dull. > i found it dull.
i loved it. > my sister loved it.
+ my sister found it dull but i thought it was charming.
- my sister found it charming but i thought it was dull.
0 the film was about a lost dog.
0 the film ran for two hours.
TABLE
