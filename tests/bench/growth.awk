# Makes of bench_growth's output a plot (SVG, the default) or, with -v form=table, tables of Markdown.
# usage: awk -f tests/bench/growth.awk [-v form=table] growth.tsv
BEGIN { FS = "\t"; n_axes = split("length batch vocabulary threads", axes, " ")
        title["length"] = "sequence length (4,096 tokens a step)"; title["batch"] = "batch"
        title["vocabulary"] = "vocabulary"; title["threads"] = "threads" }
NR == 1 { next }
{
  if (!(($1, $2) in seen)) { seen[$1, $2] = 1; at[$1, ++count[$1]] = $2 }
  rate[$1, $2, $3] = $4; share[$1, $2, $3] = $6
}
function log10(x) { return log(x) / log(10) }
function figure(x) { return x >= 1000 ? sprintf("%d,%03d", x / 1000, x % 1000) : x >= 100 ? sprintf("%.0f", x) : x }

function table(axis,    i, s, line) {
  printf "| %s |", title[axis]
  for (i = 1; i <= count[axis]; i++) printf " %s |", figure(at[axis, i])
  printf "\n|---|"
  for (i = 1; i <= count[axis]; i++) printf "---|"
  printf "\n"
  for (s = 1; s <= 2; s++) {
    if (!((axis, at[axis, 1], step[s]) in rate)) continue
    line = "| " (step[s] == "train" ? "training" : "decoding") ", tokens/s (% of FMA) |"
    for (i = 1; i <= count[axis]; i++)
      line = line " " figure(rate[axis, at[axis, i], step[s]]) " (" share[axis, at[axis, i], step[s]] ") |"
    print line
  }
  printf "\n"
}

# One of four panels with both axes logarithmic: a line a step, the values at the points.
function panel(axis, left, top,    i, s, x, y, points, low, high, first, last, v, p) {
  low = 1e30; high = 0
  for (i = 1; i <= count[axis]; i++) for (s = 1; s <= 2; s++) if ((axis, at[axis, i], step[s]) in rate) {
    v = rate[axis, at[axis, i], step[s]]
    if (v < low) low = v
    if (v > high) high = v
  }
  for (p = -3; 10 ^ p <= low; p++) bottom = p
  for (p = bottom + 1; p == bottom + 1 || 10 ^ (p - 1) < high; p++) ceiling = p
  first = log10(at[axis, 1]); last = log10(at[axis, count[axis]])
  if (last == first) last = first + 1
  printf "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#999\"/>\n", left, top, W, H
  printf "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", left + W / 2, top + H + 34, title[axis]
  for (p = bottom; p <= ceiling; p++) {
    y = top + H - H * (p - bottom) / (ceiling - bottom)
    printf "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", left, y, left + W, y
    printf "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", left - 4, y + 4, figure(10 ^ p)
  }
  for (i = 1; i <= count[axis]; i++) {
    x = left + 12 + (W - 24) * (log10(at[axis, i]) - first) / (last - first)
    printf "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x, top + H + 16, figure(at[axis, i])
  }
  for (s = 1; s <= 2; s++) {
    points = ""
    for (i = 1; i <= count[axis]; i++) if ((axis, at[axis, i], step[s]) in rate) {
      x = left + 12 + (W - 24) * (log10(at[axis, i]) - first) / (last - first)
      y = top + H - H * (log10(rate[axis, at[axis, i], step[s]]) - bottom) / (ceiling - bottom)
      points = points sprintf(" %.1f,%.1f", x, y)
      printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", x, y, colour[s]
    }
    if (points != "") printf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\"/>\n", substr(points, 2), colour[s]
  }
}

END {
  step[1] = "train"; step[2] = "decode"; colour[1] = "#1f5fa8"; colour[2] = "#b8480b"
  if (form == "table") {
    for (a = 1; a <= n_axes; a++) if (count[axes[a]] > 0) table(axes[a])
    exit
  }
  W = 300; H = 200
  print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"560\" viewBox=\"0 0 760 560\" " \
        "font-family=\"sans-serif\" font-size=\"11\">"
  print "<rect width=\"760\" height=\"560\" fill=\"#fff\"/>"
  print "<text x=\"60\" y=\"18\" font-size=\"13\">tokens a second: <tspan fill=\"" colour[1] "\">training</tspan>, " \
        "<tspan fill=\"" colour[2] "\">decoding</tspan></text>"
  for (a = 1; a <= n_axes; a++)
    if (count[axes[a]] > 0) panel(axes[a], 60 + 370 * ((a - 1) % 2), 30 + 260 * int((a - 1) / 2))
  print "</svg>"
}
