# Chat templates in the ways of the families, and dialogues for all of them. A template may refuse a dialogue; that is a
# case as well.
CHATML = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' "
          "+ '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")

CHATML_WITH_SYSTEM = """\
{%- if messages[0]['role'] != 'system' -%}
    {{ '<|im_start|>system\\nYou are helpful.<|im_end|>\\n' }}
{%- endif -%}
{% for m in messages %}
    {{- '<|im_start|>' ~ m.role + '\\n' -}}
    {%- if m.content is string %}
        {{- m.content | trim }}
    {%- elif m.content %}
        {%- for part in m.content if part.type == 'text' %}{{ part.text }}{% endfor %}
    {%- endif %}
    {{- '<|im_end|>\\n' }}
{% endfor %}
{%- if add_generation_prompt is defined and add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}
"""

LLAMA2 = """\
{%- if messages[0].role == 'system' %}
    {%- set system = '<<SYS>>\\n' + messages[0].content.strip() + '\\n<</SYS>>\\n\\n' %}
    {%- set turns = messages[1:] %}
{%- else %}
    {%- set system, turns = '', messages %}
{%- endif %}
{%- for m in turns %}
    {%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Turns must alternate: ' ~ m['role'] ~ ' is turn ' ~ loop.index) }}
    {%- endif %}
    {%- set text = system + m.content if loop.first else m.content %}
    {%- if m.role == 'user' %}
        {{- bos_token + '[INST] ' + text.strip() + ' [/INST]' }}
    {%- else %}
        {{- ' ' + text.strip() + ' ' + eos_token }}
    {%- endif %}
{%- endfor %}"""

LLAMA3_WITH_DAY = """\
{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "1 Jan 2001" %}
    {%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}{{ "Environment: ipython\\n" }}{% endif %}
{{- "Today: " + date_string + " (" + strftime_now('%Y-%m-%d, %A, day %j, week %W') + ")\\n\\n" }}
{%- if tools is not none and tools %}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}<|eot_id|>
{%- for message in messages %}
    {%- if 'tool_calls' in message and message.tool_calls %}
        {%- if message.tool_calls | length != 1 %}
            {{- raise_exception("One call at a time, please!") }}
        {%- endif %}
        {%- set call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
        {{- '{"name": "' + call.name + '", "parameters": ' + (call.arguments | tojson) + '}<|eot_id|>' }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- else %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'
            + message['content']|trim + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

QWEN3_WITH_THOUGHTS = """\
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{%- endif %}
    {{- "# Tools\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string
           and not(message.content.startswith('<reply>') and message.content.endswith('</reply>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content if message.content is string else '' %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set thought = '' %}
        {%- if message.reasoning_content is string %}
            {%- set thought = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index and (loop.last or thought) %}
            {{- '<|im_start|>assistant\\n<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n'
                + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>assistant\\n' + content }}
        {%- endif %}
        {%- for call in message.tool_calls or [] %}
            {%- if (loop.first and content) or (not loop.first) %}{{- '\\n' }}{%- endif %}
            {%- if call.function %}{%- set call = call.function %}{%- endif %}
            {{- '<tool_call>\\n{"name": "' + call.name + '", "arguments": ' }}
            {%- if call.arguments is string %}{{- call.arguments }}{%- else %}{{- call.arguments | tojson }}{%- endif %}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\\n<reply>\\n' + content + '\\n</reply>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}
{%- endif %}"""

GEMMA = """\
{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}
{% for message in messages %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
{% endif %}
{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}
<start_of_turn>{{ role }}
{{ message['content'] | trim }}<end_of_turn>
{% endfor %}
{% if add_generation_prompt %}<start_of_turn>model
{% endif %}"""

MISTRAL = """\
{%- if messages[0]["role"] == "system" %}
    {%- set system_message, loop_messages = messages[0]["content"], messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or message.role == "tool_results"
                or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("After the optional system message, conversation roles must alternate") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[AVAILABLE_TOOLS] [" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}
                        {{- '"' + key + '": "' + val + '"' }}
                    {%- else %}
                        {{- '"' + key + '": ' + val|tojson }}
                    {%- endif %}
                    {%- if not loop.last %}{{- ", " }}{%- endif %}
                {%- endfor %}
                {{- "}}" }}
                {%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" }}{%- endif %}
            {%- endfor %}
            {{- "[/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[TOOL_CALLS] [" }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function|tojson %}
            {{- out[:-1] }}
            {%- if not tool_call.id is defined or tool_call.id|length != 9 %}
                {{- raise_exception("Tool call IDs should have 9 letters, not " ~ tool_call.id|length) }}
            {%- endif %}
            {{- ', "id": "' + tool_call.id + '"}' }}
            {%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" + eos_token }}{%- endif %}
        {%- endfor %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token }}
    {%- elif message["role"] == "tool_results" or message["role"] == "tool" %}
        {{- '[TOOL_RESULTS] {"content": ' + message.content|string + "}[/TOOL_RESULTS]" }}
    {%- else %}
        {{- raise_exception("Only user and assistant roles are supported, not " + message.role|upper) }}
    {%- endif %}
{%- endfor %}
"""

ZEPHYR = """\
{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>\\n'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""

MACROS_AND_TOOLS = """\
{%- macro type_of(schema, depth=0) -%}
    {%- if schema.type == 'array' -%}
        {{ type_of(schema['items'], depth + 1) }}[]
    {%- elif schema.type == 'object' -%}
        { {%- for name, field in schema.properties | dictsort -%}
            {{ name }}{{ '?' if name not in (schema.required or []) }}: {{ type_of(field, depth=depth + 1) }}
            {{- ', ' if not loop.last }}
        {%- endfor -%} }
    {%- elif schema.type is not string and schema.type -%}
        {{ schema.type | join(' | ') }}
    {%- else -%}
        {{ {'string': 'text', 'number': 'float'}.get(schema.type, schema.type) | default('any', true) }}
    {%- endif -%}
    {%- if schema.default is defined %} = {{ schema.default }}{% endif -%}
    {%- if schema.enum %} of {{ schema.enum }}{% endif -%}
{%- endmacro -%}
{%- macro turn(role, end='<|im_end|>') -%}
    <|im_start|>{{ role | capitalize }}
{{ caller() }}{{ end }}
{% endmacro -%}
{# what may be called #}
{%- for group in tools | default([], true) | groupby('type') %}
    {%- call turn('system') %}## {{ group.grouper | title }}: {{
      group.list | map(attribute='function.name') | sort | join(', ') }}
{% for tool in group.list %}
{{ '%-8s|%5.2f' | format(tool.function.name, loop.index / loop.length) }} {{ type_of(tool.function.parameters) }}
{% else %}
nothing
{% endfor %}{% endcall %}
{%- endfor %}
{%- set ns = namespace(calls=0) %}
{%- for m in messages %}
    {%- if m.role not in ['system', 'user', 'assistant', 'tool'] %}{% continue %}{% endif %}
    {%- call turn(m.role) -%}
        {%- filter replace('\\n\\n', '\\n') %}{{ m.content or '' }}{% endfilter %}
        {%- for c in m.tool_calls or [] %}
            {%- set ns.calls = ns.calls + 1 %}
            {%- set a = c.function.arguments %}
            {{- '#%d ' % ns.calls }}{{ c.function.name }}({% for k in a if a is mapping %}{{ k }}={{ a[k] }}
            {{- '' if loop.last else ', ' }}{% endfor %})
        {%- endfor %}
    {%- endcall %}
    {%- if loop.index > 6 %}{% break %}{% endif %}
{%- endfor %}
{%- for d in documents or [] %}<doc {{ loop.index }}/{{ loop.length }}>{{ d.title | upper }}: {{
    d.text | truncate(20) }}</doc>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>Assistant
{% endif %}"""

WITH_GENERATION = """\
{% for message in messages %}
    {%- if message.role == 'assistant' %}
        {{- '<|im_start|>assistant\\n' }}
        {%- generation %}
        {{- message.content | default('', true) + '<|im_end|>' }}
        {%- endgeneration %}
        {{- '\\n' }}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{% endif %}"""

GEMMA_WITH_SYSTEM = """\
{{ bos_token }}
{%- set first_user_prefix = messages[0]['content'] + '\\n\\n' if messages[0]['role'] == 'system' else "" -%}
{%- set loop_messages = messages[1:] if messages[0]['role'] == 'system' else messages -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif -%}
    {%- set role = "model" if message['role'] == 'assistant' else message['role'] -%}
    {{ '<start_of_turn>' + role + '\\n' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {{ '<start_of_image>' if item['type'] == 'image' else item['text'] | trim }}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception("Invalid content type") }}
    {%- endif -%}
    {{ '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<start_of_turn>model\\n' }}{%- endif -%}"""

PHI3 = ("{% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>\n' + message['content'] + "
        "'<|end|>\n'}}{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}"
        "{% elif message['role'] == 'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}")

PHI4 = ("{% for message in messages %}{% if message['role'] == 'system' and 'tools' in message and message['tools'] is "
        "not none %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|tool|>' + message['tools'] + '<|/tool|>' "
        "+ '<|end|>' }}{% else %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endif %}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}")

OLMO2 = ("{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}{{ '<|system|>\n' + "
         "message['content'] + '\n' }}{% elif message['role'] == 'user' %}{{ '<|user|>\n' + message['content'] + '\n' }}"
         "{% elif message['role'] == 'assistant' %}{% if not loop.last %}{{ '<|assistant|>\n' + message['content'] + "
         "eos_token + '\n' }}{% else %}{{ '<|assistant|>\n' + message['content'] + eos_token }}{% endif %}{% endif %}"
         "{% if loop.last and add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}{% endfor %}")

GRANITE = """\
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set system_message = "Knowledge Cutoff Date: April 2024.\\nToday's Date: " + strftime_now('%B %d, %Y') + "." %}
    {%- if tools and documents %}
        {%- set system_message = system_message + " You have tools and documents." %}
    {%- elif tools %}
        {%- set system_message = system_message + " You have tools." %}
    {%- elif documents %}
        {%- set system_message = system_message + " You have documents." %}
    {%- endif %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- '<|start_of_role|>system<|end_of_role|>' + system_message + '<|end_of_text|>\\n' }}
{%- if tools %}
    {{- '<|start_of_role|>tools<|end_of_role|>' }}
    {{- tools | tojson(indent=4) }}
    {{- '<|end_of_text|>\\n' }}
{%- endif %}
{%- if documents %}
    {{- '<|start_of_role|>documents<|end_of_role|>' }}
    {%- for document in documents %}
        {{- 'Document ' + loop.index0 | string + '\\n' }}
        {{- document['text'] }}
        {%- if not loop.last %}{{- '\\n\\n' }}{%- endif %}
    {%- endfor %}
    {{- '<|end_of_text|>\\n' }}
{%- endif %}
{%- for message in loop_messages %}
    {{- '<|start_of_role|>' + message['role'] + '<|end_of_role|>' + message['content'] + '<|end_of_text|>\\n' }}
    {%- if loop.last and add_generation_prompt %}
        {{- '<|start_of_role|>assistant' }}
        {%- if controls %}{{- ' ' + controls | tojson() }}{%- endif %}
        {{- '<|end_of_role|>' }}
    {%- endif %}
{%- endfor %}"""

SMOLLM3 = """\
{# ───── defaults ───── #}
{%- if enable_thinking is not defined -%}
{%- set enable_thinking = true -%}
{%- endif -%}
{%- set reasoning_mode = "/think" if enable_thinking else "/no_think" -%}
{# ───── header (system message) ───── #}
{{- "<|im_start|>system\\n" -}}
{%- if messages[0].role == "system" -%}
  {%- set system_message = messages[0].content -%}
  {%- if "/no_think" in system_message -%}
    {%- set reasoning_mode = "/no_think" -%}
  {%- elif "/think" in system_message -%}
    {%- set reasoning_mode = "/think" -%}
  {%- endif -%}
  {%- set custom_instructions = system_message.replace("/no_think", "").replace("/think", "").rstrip() -%}
{%- endif -%}
{%- if "/system_override" in system_message -%}
  {{- custom_instructions.replace("/system_override", "").rstrip() -}}
  {{- "<|im_end|>\\n" -}}
{%- else -%}
  {{- "## Metadata\\n\\n" -}}
  {%- set today = strftime_now("%d %B %Y") -%}
  {{- "Today Date: " ~ today ~ "\\n" -}}
  {{- "Reasoning Mode: " + reasoning_mode + "\\n\\n" -}}
  {{- "## Custom Instructions\\n\\n" -}}
  {%- if custom_instructions -%}
    {{- custom_instructions + "\\n\\n" -}}
  {%- else -%}
    {{- "You are a helpful AI assistant.\\n\\n" -}}
  {%- endif -%}
  {%- if xml_tools or python_tools or tools -%}
    {{- "### Tools\\n\\n" -}}
    {%- if xml_tools or tools -%}
      {%- if tools -%}
        {%- set xml_tools = tools -%}
      {%- endif -%}
      {%- set ns = namespace(xml_tool_string="Call <tools>:\\n") -%}
      {%- for tool in xml_tools[:] -%} {# The slicing makes sure that xml_tools is a list #}
        {%- set ns.xml_tool_string = ns.xml_tool_string ~ (tool | string) ~ "\\n" -%}
      {%- endfor -%}
      {{- ns.xml_tool_string + "\\n\\n" -}}
    {%- endif -%}
  {%- endif -%}
  {{- "<|im_end|>\\n" -}}
{%- endif -%}
{# ───── main loop ───── #}
{%- for message in messages -%}
    {%- set content = message.content if message.content is string else "" -%}
    {%- if message.role == "user" -%}
        {{ "<|im_start|>" + message.role + "\\n"  + content + "<|im_end|>\\n" }}
    {%- elif message.role == "assistant" -%}
        {% generation %}
        {%- if reasoning_mode == "/think" -%}
            {{ "<|im_start|>assistant\\n" + content.lstrip("\\n") + "<|im_end|>\\n" }}
        {%- else -%}
            {{ "<|im_start|>assistant\\n" + "<think>\\n\\n</think>\\n" + content.lstrip("\\n") + "<|im_end|>\\n" }}
        {%- endif -%}
        {% endgeneration %}
    {%- elif message.role == "tool" -%}
    {{ "<|im_start|>" + "user\\n"  + content + "<|im_end|>\\n" }}
    {%- endif -%}
{%- endfor -%}
{# ───── generation prompt ───── #}
{%- if add_generation_prompt -%}
    {%- if reasoning_mode == "/think" -%}
        {{ "<|im_start|>assistant\\n" }}
    {%- else -%}
        {{ "<|im_start|>assistant\\n" + "<think>\\n\\n</think>\\n"  }}
    {%- endif -%}
{%- endif -%}"""

# name -> (family, vocabulary, template)
CHATS = {
    "chatml": ("qwen2", "qwen2", CHATML_WITH_SYSTEM),
    "llama2": ("llama", "llama2", LLAMA2),
    "llama3-day": ("llama", "llama3", LLAMA3_WITH_DAY),
    "qwen3-thoughts": ("qwen3", "qwen3", QWEN3_WITH_THOUGHTS),
    "gemma": ("llama", "llama5", GEMMA),
    "mistral": ("mistral", "mistral", MISTRAL),
    "zephyr": ("llama", "llama2", ZEPHYR),
    "macros": ("qwen2", "qwen2", MACROS_AND_TOOLS),
    "generation": ("qwen2", "qwen2", WITH_GENERATION),
    "gemma3": ("gemma3_text", "gemma", GEMMA_WITH_SYSTEM),
    "phi3": ("phi3", "phi3", PHI3),
    "phi4": ("phi3", "phi4", PHI4),
    "olmo2": ("olmo2", "olmo2", OLMO2),
    "granite": ("granite", "granite", GRANITE),
    "smollm3": ("smollm3", "smollm3", SMOLLM3),
}

TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "The weather: it's \"now\", <b>&</b> in °C.\nNever tomorrow's.",
        "parameters": {"type": "object", "required": ["place"], "properties": {
            "place": {"type": "string", "description": "such as Zürich or 日本", "enum": ["Zürich", "日本"]},
            "unit": {"type": ["string", "null"], "default": None},
            "days": {"type": "array", "items": {"type": "object", "properties": {
                "n": {"type": "number", "default": 1.0}}}},
            "exact": {"type": "boolean", "default": True}}}}},
    {"type": "function", "function": {"name": "add", "description": "", "parameters": {"type": "object", "properties": {
        "b": {"type": "integer", "minimum": -3, "maximum": 1e22}, "a": {"type": "number", "multipleOf": 0.1}}}}}]
DOCUMENTS = [{"title": "Käse", "text": "A long text about cheese, and about bread."}, {"title": "b", "text": "Short"}]
CALL = {"id": "call12345", "type": "function", "function": {
    "name": "get_weather", "arguments": {"place": "Zürich", "days": [{"n": 2.5}, None, True], "unit": None, "x": 1e-7}}}


def turns(*texts):
    return [{"role": role, "content": text} for role, text in zip(["user", "assistant"] * len(texts), texts)]


def system(text):
    return [{"role": "system", "content": text}]


def called(call, reply):
    return [{"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "name": call["function"]["name"], "content": reply}]


def dialogue(messages, **fields):
    return {"prompt": messages} | fields


DIALOGUES = [
    dialogue(turns("Hi there")),
    dialogue(system("Be kind.") + turns(" What is it? ")),
    dialogue(turns("Hi", "Hello.", "How are you?")),
    dialogue(system(" \n S.\t") + turns(" Hi \n", " Hello. \n", "\u00a0How?\u3000\n", "\u2003", "x\n\n\ny")),
    dialogue(turns("")),
    dialogue(turns("Hi", "<think>\nhm, hm\n</think>\n\nHello.", "How?",
                   "<think>\n\n</think>\n\nSo </think> so", "Why?")),
    dialogue(turns("He said \"no\" & <b>'yes'</b> {{ x }} {% y %} \\n", "it's", "Zażółć 👍 結婚 \U0001d518 \u2028")),
    dialogue(turns(*[f"Turn {i}: " + "word " * (i % 4) for i in range(21)])),
    dialogue(turns("Hi") + system("Now be brief.") + turns("Go")),
    dialogue(turns("a") + turns("b")),
    dialogue(turns("Hi") + [{"role": "narrator", "content": "He says:"}]),
    dialogue(turns("Hi") + [{"role": "assistant", "content": "Hello.", "reasoning_content": "\nhm\n"}] + turns("How?")),
    dialogue(turns("Hi"), chat_template_kwargs={"enable_thinking": False, "date_string": "2 Feb 2022"}),
    dialogue(system("Be kind. /no_think") + turns("Hi", "Hello.", "How?")),
    dialogue(system("Be brief. /system_override") + turns("Hi")),
    dialogue(turns("Hi"), tools=TOOLS),
    dialogue(system("S") + turns("Hi", "Hello.", "How?"), tools=TOOLS),
    dialogue(turns("How warm?") + called(CALL, "{\"t\": 21.5}"), tools=TOOLS),
    dialogue(turns("How warm?") + called(CALL, "21.5 °C") + turns("Thanks"), tools=TOOLS),
    dialogue(turns("How warm?") + called(CALL | {"id": "c"}, "1"), tools=TOOLS[:1]),
    dialogue(turns("Hi"), documents=DOCUMENTS),
]
