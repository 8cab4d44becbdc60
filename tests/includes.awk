# A source includes what declares the names of std that it uses: itself, or a header of ours that it includes.
# `make check-clang` relies on this, because clang parses the standard headers once for all sources, and g++'s next
# version because its headers include less of each other.
# usage: awk -f tests/includes.awk SOURCE...   (all headers of lib/ among them; paths as they are included)
function declare(headers, names, list, i, n) {  # names that any one of the headers declares
  n = split(names, list, " ")
  for (i = 1; i <= n; ++i) declares[list[i]] = headers
}
BEGIN {
  any = "cstddef cstdint cstdio cstdlib cstring string string_view vector span array simdjson.h"
  pairs = "utility map unordered_map algorithm string vector optional memory functional"
  ends = "iterator string string_view vector span array map set deque"
  declare(any, "size_t ptrdiff_t byte")
  declare("cstdint", "intmax_t intptr_t int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t uintmax_t uintptr_t")
  declare(pairs, "move forward swap pair make_pair exchange as_const in_place")
  declare(ends, "begin end size ssize data empty prev next advance distance back_inserter reverse_iterator")
  declare("iterator string istream fstream sstream", "istreambuf_iterator")
  declare("initializer_list string vector map set deque", "initializer_list")
  declare("string", "string basic_string to_string stoi stol stoll stod getline")
  declare("string string_view", "string_view string_view_literals")
  declare("vector", "vector")
  declare("string vector deque map set unordered_map unordered_set", "erase erase_if")
  declare("span", "span as_bytes")
  declare("array", "array to_array")
  declare("optional", "optional nullopt")
  declare("map", "map multimap")
  declare("variant", "variant visit get_if holds_alternative monostate")
  declare("tuple", "tuple tie make_tuple apply")
  declare("string_view tuple utility array variant map", "get")
  declare("set", "set multiset")
  declare("deque", "deque")
  declare("queue", "priority_queue queue")
  declare("list", "list")
  declare("unordered_map", "unordered_map unordered_multimap")
  declare("unordered_set", "unordered_set")
  declare("functional string", "hash")
  declare("functional", "function less greater multiplies identity ranges::not_equal_to")
  declare("memory", "make_shared weak_ptr make_unique unique_ptr shared_ptr static_pointer_cast addressof")
  declare("algorithm", "min max clamp sort stable_sort nth_element find find_if find_if_not any_of all_of none_of fill " \
    "fill_n copy copy_n count count_if equal mismatch replace reverse for_each lower_bound upper_bound binary_search " \
    "max_element min_element minmax minmax_element adjacent_find unique remove remove_if copy_if transform rotate " \
    "partition partial_sort search includes set_difference generate equal_range swap_ranges ranges")
  declare("numeric", "iota accumulate partial_sum inner_product gcd lcm midpoint")
  declare("limits", "numeric_limits")
  declare("bit", "bit_cast bit_ceil bit_floor bit_width popcount rotl rotr countl_zero countr_zero countr_one has_single_bit")
  declare("cmath", "sqrt floor ceil trunc round nearbyint lround llround fabs fmod fma pow log10 ldexp frexp copysign " \
    "isfinite isinf isnan isnormal signbit")
  declare("cstdlib", "getenv free calloc strtol strtoll strtoul strtoull strtod strtof atoi malloc exit abort")
  declare("cmath cstdlib", "abs")
  declare("cstring", "memcpy memset memmove memchr memcmp strlen strcmp strncmp strchr strrchr strstr strerror")
  declare("cstdio", "snprintf fprintf fopen fclose fread fwrite fputs fflush ferror rename FILE")
  declare("ctime", "time time_t tm strftime")
  declare("cctype", "isalnum isalpha isdigit isspace isupper islower ispunct isprint isxdigit tolower toupper")
  declare("csignal", "signal sig_atomic_t")
  declare("charconv", "from_chars to_chars chars_format")
  declare("system_error charconv", "errc")
  declare("system_error filesystem", "error_code system_error")
  declare("new", "bad_alloc")
  declare("stdexcept", "runtime_error logic_error invalid_argument out_of_range")
  declare("exception", "exception exception_ptr current_exception rethrow_exception")
  declare("type_traits", "is_integral_v is_signed_v is_same_v is_trivially_copyable_v remove_reference_t " \
    "remove_cvref_t decay_t conditional_t enable_if_t is_same is_integral is_floating_point_v is_invocable_v " \
    "invoke_result_t underlying_type_t true_type false_type")
  declare("concepts", "integral")
  declare("atomic", "atomic memory_order_relaxed memory_order_acquire memory_order_release")
  declare("mutex", "mutex lock_guard unique_lock")
  declare("condition_variable", "condition_variable")
  declare("thread", "thread this_thread")
  declare("chrono", "chrono")
  declare("filesystem", "filesystem")
  declare("fstream", "ifstream ofstream fstream")
  declare("sstream", "istringstream ostringstream stringstream")
  declare("ios istream ostream iostream fstream sstream", "ios streamsize streamoff")
  declare("iostream", "cout cerr cin clog")
  declare("ostream iostream fstream sstream", "ostream endl")
  declare("istream iostream fstream sstream", "istream")
  declare("simdjson.h", "simdjson")
}
FNR == 1 { files[++count] = FILENAME }
/^#include / {
  split($2, quoted, /[<>"]/)
  includes[FILENAME] = includes[FILENAME] " " quoted[2]
  next
}
{
  line = $0
  gsub(/\\./, "", line)
  gsub(/"[^"]*"/, "", line)
  sub(/\/\/.*/, "", line)
  while (match(line, /std::(ranges::not_equal_to|[a-z_0-9]+)|simdjson::/)) {
    name = substr(line, RSTART, RLENGTH)
    line = substr(line, RSTART + RLENGTH)
    sub(/^std::/, "", name)
    sub(/::$/, "", name)
    if (!((FILENAME, name) in used)) used[FILENAME, name] = FNR
  }
}
function reach(from, file, list, i, n) {  # marks what `from` includes through `file`
  n = split(includes[file], list, " ")
  for (i = 1; i <= n; ++i) {
    if ((from, list[i]) in reached) continue
    reached[from, list[i]] = 1
    reach(from, list[i])
  }
}
END {
  for (i = 1; i <= count; ++i) reach(files[i], files[i])
  for (key in used) {
    split(key, at, SUBSEP)
    where = at[1] ":" used[key] ": std::" at[2]
    if (!(at[2] in declares)) {
      print "includes.awk: " where " is not in its table"
      status = 1
      continue
    }
    n = split(declares[at[2]], list, " ")
    found = 0
    for (i = 1; i <= n; ++i) found += (at[1], list[i]) in reached
    if (!found) {
      print where " needs #include <" list[1] ">"
      status = 1
    }
  }
  exit status
}
