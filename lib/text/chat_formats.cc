#include "lib/text/chat_formats.h"

#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/io/files.h"

namespace nudge {
namespace {

constexpr std::string_view kChatMl = R"({%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %})";

// The same with a default system message.
std::string chatml(const std::string& system) {
  return "{%- if messages[0].role != 'system' %}\n    {{- '<|im_start|>system\\n" + system +
         "<|im_end|>\\n' }}\n{%- endif %}\n" + std::string(kChatMl);
}

// The answer to the last question has its thought, perhaps empty; earlier thoughts are removed.
constexpr std::string_view kQwen3 = R"({%- set question = namespace(last=messages | length - 1) %}
{%- for message in messages %}
    {%- if message.role == 'user' %}
        {%- set question.last = loop.index0 %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content, thought = message.content, '' %}
    {%- if message.role == 'assistant' and '</think>' in content %}
        {%- set thought = content.split('</think>')[0].split('<think>')[-1].strip('\n') %}
        {%- set content = content.split('</think>')[-1].lstrip('\n') %}
    {%- endif %}
    {{- '<|im_start|>' + message.role + '\n' }}
    {%- if message.role == 'assistant' and loop.index0 > question.last and (loop.last or thought) %}
        {{- '<think>\n' + thought + '\n</think>\n\n' + content.lstrip('\n') }}
    {%- else %}
        {{- content }}
    {%- endif %}
    {{- '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\n\n</think>\n\n' }}
    {%- endif %}
{%- endif %})";

constexpr std::string_view kLlama2 = R"({%- set system = '' %}
{%- set turns = messages %}
{%- if messages[0].role == 'system' %}
    {%- set system = '<<SYS>>\n' + messages[0].content + '\n<</SYS>>\n\n' %}
    {%- set turns = messages[1:] %}
{%- endif %}
{%- for message in turns %}
    {%- if message.role != ('user' if loop.index0 % 2 == 0 else 'assistant') %}
        {{- raise_exception('user and assistant have to take turns behind a first system message') }}
    {%- endif %}
    {%- if message.role == 'user' %}
        {{- bos_token ~ '[INST] ' ~ ((system if loop.first else '') + message.content).strip() + ' [/INST]' }}
    {%- else %}
        {{- ' ' + message.content.strip() ~ ' ' ~ eos_token }}
    {%- endif %}
{%- endfor %})";

constexpr std::string_view kLlama3 = R"({{- bos_token }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + message.content.strip() + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %})";

constexpr std::string_view kLlama31 = R"({%- set system, turns = '', messages %}
{%- if messages[0].role == 'system' %}
    {%- set system, turns = messages[0].content.strip(), messages[1:] %}
{%- endif %}
{{- bos_token ~ '<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n' }}
{{- 'Today Date: ' + strftime_now('%d %b %Y') + '\n\n' + system + '<|eot_id|>' }}
{%- for message in turns %}
    {{- '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + message.content.strip() + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %})";

constexpr std::string_view kZephyr = R"({%- for message in messages %}
    {{- '<|' + message.role + '|>\n' + message.content ~ eos_token ~ '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>\n' }}
{%- endif %})";

constexpr std::string_view kAlpaca = R"({{- bos_token }}
{%- set turns = messages %}
{%- if messages[0].role == 'system' %}
    {{- messages[0].content.strip() + '\n\n' }}
    {%- set turns = messages[1:] %}
{%- endif %}
{%- for message in turns %}
    {%- if message.role != ('user' if loop.index0 % 2 == 0 else 'assistant') %}
        {{- raise_exception('user and assistant have to take turns behind a first system message') }}
    {%- endif %}
    {%- if message.role == 'user' %}
        {{- '### Instruction:\n' + message.content.strip() + '\n\n' }}
    {%- else %}
        {{- '### Response:\n' + message.content.strip() ~ eos_token ~ '\n\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '### Response:\n' }}
{%- endif %})";

}  // namespace

std::span<const ChatFormat> chat_formats() {
  static const std::vector<ChatFormat> all = {
      {"chatml", std::string(kChatMl)},
      {"qwen2", chatml("You are a helpful assistant.")},
      {"qwen2.5", chatml("You are Qwen, created by Alibaba Cloud. You are a helpful assistant.")},
      {"qwen3", std::string(kQwen3)},
      {"smollm2", chatml("You are a helpful AI assistant named SmolLM, trained by Hugging Face")},
      {"llama2", std::string(kLlama2)},
      {"llama3", std::string(kLlama3)},
      {"llama3.1", std::string(kLlama31)},
      {"zephyr", std::string(kZephyr)},
      {"alpaca", std::string(kAlpaca)}};
  return all;
}

std::string chat_format_source(const std::string& name) {
  if (name.ends_with(".jinja")) return read_file(name);
  std::string names;
  for (const ChatFormat& f : chat_formats()) {
    if (f.name == name) return f.source;
    names += (names.empty() ? "" : ", ") + f.name;
  }
  usage_error("--chat-format: there is no format " + name,
              "the formats are " + names + "; a template of your own is given as a file, NAME.jinja");
}

}  // namespace nudge
