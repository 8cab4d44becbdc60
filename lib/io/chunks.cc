#include "lib/io/chunks.h"

#include <sys/eventfd.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "lib/base/error.h"
#include "lib/io/mark.h"

namespace nudge {
namespace {

constexpr std::size_t kReadSize = std::size_t{256} << 10;
constexpr std::uint32_t kSkippableMask = 0xFFFFFFF0, kSkippable = 0x184D2A50;

bool is_skippable(std::uint32_t magic) { return (magic & kSkippableMask) == kSkippable; }

// Whether a text was truncated within the first magic of a frame or a mark. Plain text can't end so, except in '['.
bool is_cut_magic(std::string_view all) {
  return !all.empty() && all != "[" &&
         (std::string_view("\x28\xB5\x2F").starts_with(all) || std::string_view("\x5B\x2A\x4D").starts_with(all));
}

}  // namespace

ChunkReader::ChunkReader(Descriptor fd, std::string name, std::size_t limit, int stop)
    : fd_(std::move(fd)), wakes_{-1, stop}, name_(std::move(name)), limit_(limit), decoder_(ZSTD_createDCtx()) {
  if (decoder_ == nullptr) throw std::bad_alloc();
}

ChunkReader::~ChunkReader() { ZSTD_freeDCtx(decoder_); }

bool ChunkReader::fill(std::size_t wanted) {
  while (available() < wanted && !ended_) {
    if (start_ > kReadSize && start_ > available()) {  // drop what was consumed, seldom enough to cost nothing
      window_.erase(0, start_);
      base_ += static_cast<std::int64_t>(start_);
      start_ = 0;
    }
    const std::size_t had = window_.size();
    window_.resize(had + kReadSize);
    const std::size_t n = read_some(fd_.get(), window_.data() + had, kReadSize, name_, wakes_);
    window_.resize(had + n);
    ended_ = n == 0;
  }
  return available() >= wanted;
}

Chunk ChunkReader::damage(const std::string& cause) {
  damaged_ = true;
  piecewise_ = false;
  Chunk chunk;
  chunk.kind = Chunk::kDamage;
  chunk.cause = cause;
  chunk.at = offset();
  return chunk;
}

Chunk ChunkReader::next(std::string space) {
  text_ = std::move(space);
  if (!begun_) {
    begun_ = true;
    if (fill(4)) zstd_ = little_endian(head()) == kFrameMagic || is_skippable(little_endian(head()));
    else zstd_ = is_cut_magic({head(), available()});
  }
  if (!zstd_) return plain();
  if (damaged_) resynchronise();
  while (!piecewise_) {
    if (!fill(4)) {
      if (available() > 0) return damage("truncated within a frame's first bytes");
      return {};
    }
    const std::uint32_t magic = little_endian(head());
    if (magic == kFrameMagic) break;
    if (!is_skippable(magic)) return damage("what follows is not a zstd frame");
    Chunk chunk;
    if (skippable(chunk)) return chunk;
  }
  return frame();
}

Chunk ChunkReader::plain() {
  Chunk chunk;
  chunk.at = offset();
  if (!fill(1)) return chunk;
  text_.assign(head(), available());
  consume(available());
  chunk.kind = Chunk::kText;
  chunk.text = std::move(text_);
  return chunk;
}

// Consumes one skippable frame: true if it yields a chunk, false if it is not ours and skipped.
bool ChunkReader::skippable(Chunk& chunk) {
  if (!fill(8)) {
    chunk = damage("truncated within a mark");
    return true;
  }
  std::size_t rest = little_endian(head() + 4);
  if (little_endian(head()) == kMarkMagic && rest <= kLongestMark && fill(8 + rest)) {
    const std::string_view payload(head() + 8, rest);
    const auto mark = decode_mark(payload);
    if (!mark && claims_to_be_mark(payload)) {
      chunk = damage("a mark is damaged");
      return true;
    }
    if (mark) {
      chunk.kind = Chunk::kMark;
      chunk.mark = *mark;
      chunk.at = offset();
      ours_ = !mark->closing;
      consume(8 + rest);
      return true;
    }
  }
  const bool short_one = rest <= kLongestMark;
  if (short_one && !fill(8 + rest)) {
    chunk = damage("truncated within a mark");
    return true;
  }
  consume(8);
  while (rest > 0) {
    if (!fill(1)) {
      chunk = damage("truncated within a skippable frame");
      return true;
    }
    const std::size_t n = std::min(rest, available());
    consume(n), rest -= n;
  }
  return false;
}

// A frame too large for this machine or for zstd's limit is not damaged, so salvage must not skip it. (In a stream of
// ours it is damaged: RecordWriter writes no window larger than the frame's text.)
void ChunkReader::refuse_unless_damage(std::size_t error) const {
  const ZSTD_ErrorCode code = ZSTD_getErrorCode(error);
  if (code == ZSTD_error_memory_allocation) throw std::bad_alloc();
  if (code != ZSTD_error_frameParameter_windowTooLarge || ours_) return;
  bad_input(name_ + ": byte " + std::to_string(frame_at_) + ": a zstd frame needs a window over 128 MiB",
            "recompress it: zstd -dc --long=31 FILE | zstd");
}

// Decodes the frame at start_. It stays in the window until its checksum is verified, so that after damage the next
// frame can be searched for within it. A frame beyond the limit is returned and dropped in pieces.
Chunk ChunkReader::frame() {
  if (!piecewise_) {
    frame_at_ = offset();
    ZSTD_DCtx_reset(decoder_, ZSTD_reset_session_only);
    if (!fill(5)) return damage("truncated within a frame");
    const bool checksum = (head()[4] & 4) != 0;  // RFC 8878, 3.1.1.1.1
    if (ours_ && !checksum) return damage("a frame has no checksum");
  }
  text_.clear();
  std::size_t used = 0;
  bool more_within = false;  // the decoder holds text that did not fit: don't wait for input
  while (true) {
    if (!more_within) fill(used + 1);
    const std::size_t had = text_.size();
    text_.resize(had + ZSTD_DStreamOutSize());
    ZSTD_inBuffer in{head() + used, available() - used, 0};
    ZSTD_outBuffer out{text_.data() + had, text_.size() - had, 0};
    const std::size_t left = ZSTD_decompressStream(decoder_, &out, &in);
    text_.resize(had + out.pos);
    used += in.pos;
    more_within = out.pos == out.size;
    if (ZSTD_isError(left)) refuse_unless_damage(left);
    if (ZSTD_isError(left)) return damage(std::string("a frame is damaged (") + ZSTD_getErrorName(left) + ')');
    if (left == 0) return frame_end(used);
    if (ended_ && used == available() && !more_within) {  // decoded all there is, and it is not the end
      if (!piecewise_ && find_frame(4) < available()) return damage("a frame is damaged");
      Chunk chunk = damage("truncated within a frame");
      consume(available());
      if (!piecewise_) chunk.text = std::move(text_);
      return chunk;
    }
    if (text_.size() >= limit_ || used >= limit_) {
      piecewise_ = true;
      consume(used);
      Chunk chunk;
      chunk.kind = Chunk::kText;
      chunk.text = std::move(text_);
      chunk.at = frame_at_;
      return chunk;
    }
  }
}

Chunk ChunkReader::frame_end(std::size_t compressed) {
  consume(compressed);
  piecewise_ = false;
  ++frames_;
  Chunk chunk;
  chunk.kind = Chunk::kText;
  chunk.text = std::move(text_);
  chunk.at = frame_at_;
  return chunk;
}

void ChunkReader::resynchronise() {
  damaged_ = false;
  if (available() > 0) consume(1);
  while (fill(4)) {
    const std::size_t found = find_frame(0);
    if (found < available()) {
      consume(found);
      return;
    }
    consume(available() - 3);
  }
  consume(available());
}

// The first position from `from` on that looks like a frame or mark, or available().
std::size_t ChunkReader::find_frame(std::size_t from) const {
  for (std::size_t i = from; i + 4 <= available(); ++i) {
    const std::uint32_t magic = little_endian(head() + i);
    if (magic == kFrameMagic || magic == kMarkMagic) return i;
  }
  return available();
}

ChunksAhead::~ChunksAhead() {
  if (!thread_.joinable()) return;
  queue_.close();
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
}

void ChunksAhead::next(Chunk& chunk) {
  if (thread_.joinable()) {
    if (queue_.take(chunk)) return;
    thread_.join();
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }
  chunk = reader_.next(std::move(chunk.text));
  if (chunk.kind == Chunk::kText && ++texts_ == 2) start();
}

void ChunksAhead::start() {
  wake_ = Descriptor(::eventfd(0, EFD_CLOEXEC));
  if (!wake_) return;
  reader_.end_by(wake_.get());
  thread_ = background_thread([this] { read_ahead(); });
}

// The end is not queued: the reader returns it again.
void ChunksAhead::read_ahead() {
  try {
    for (Chunk chunk; (chunk = reader_.next(std::move(chunk.text))).kind != Chunk::kEnd && queue_.give(chunk);) {
    }
  } catch (...) {
    failure_ = std::current_exception();
  }
  queue_.close();
}

}  // namespace nudge
