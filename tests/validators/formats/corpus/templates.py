"""Chat templates: attacks on whoever renders them, and ordinary ones in the styles in use."""

import json

from tests.validators.formats.corpus.case import Case

ATTACKS: dict[str, tuple[str, str]] = {
    "class-mro": ("template-attribute", "{{ ''.__class__.__mro__[1].__subclasses__() }}"),
    "subscript": ("template-attribute", "{{ ''['__class__']['__base__'] }}"),
    "subscript-escaped": ("template-attribute", "{{ ''['\\x5f\\x5fclass\\x5f\\x5f'] }}"),
    "subscript-unicode": ("template-attribute", "{{ ''['\\u005f_class__'] }}"),
    "attr-filter": ("template-attribute", "{{ ''|attr('__class__') }}"),
    "attr-filter-plain": ("template-attribute", "{{ messages|attr(name) }}"),
    "lipsum": ("template-gadget", "{{ lipsum.__globals__.os.popen('true').read() }}"),
    "cycler": ("template-gadget", "{{ cycler.__init__.__globals__.os }}"),
    "joiner": ("template-gadget", "{% set j = joiner %}{{ j['a'] }}"),
    "namespace": ("template-attribute", "{{ namespace.__init__.__globals__ }}"),
    "self": ("template-gadget", "{{ self._TemplateReference__context }}"),
    "concat": ("template-computed-name", "{{ ''['__cl' ~ 'ass__'] }}"),
    "add": ("template-computed-name", "{{ ''['__cl' + 'ass__'] }}"),
    "literal-joined": ("template-attribute", "{{ ''['__cl' 'ass__'] }}"),
    "add-variables": (
        "template-computed-name",
        "{% set a = '__cl' %}{% set b = 'ass__' %}{{ ''[a + b] }}",
    ),
    "set-then-use": ("template-computed-name", "{% set a = '_' * 2 ~ 'class' %}{{ ''[a] }}"),
    "join-list": ("template-computed-name", "{{ ''[['__cl', 'ass__']|join] }}"),
    "join-method": ("template-computed-name", "{{ ''[''.join(['__cl', 'ass__'])] }}"),
    "percent": ("template-computed-name", "{{ ''['%sclass%s' % ('__', '__')] }}"),
    "format-filter": ("template-computed-name", "{{ ''['%c%cclass'|format(95, 95)] }}"),
    "replace": ("template-computed-name", "{{ ''['xxclassxx'|replace('x', '_')] }}"),
    "replace-method": ("template-computed-name", "{{ ''['xxclassxx'.replace('x', '_')] }}"),
    "reverse": ("template-computed-name", "{{ ''['__ssalc__'|reverse] }}"),
    "reverse-slice": ("template-computed-name", "{{ ''['__ssalc__'[::-1]] }}"),
    "upper": ("template-attribute", "{{ ''['__CLASS__'|lower] }}"),
    "block": ("template-computed-name", "{% set k %}{{ '_' }}_class__{% endset %}{{ ''[k] }}"),
    "loop-variable": (
        "template-computed-name",
        "{% for k in ['__cl' ~ 'ass__'] %}{{ ''[k] }}{% endfor %}",
    ),
    "loop-constant": ("template-attribute", "{% for k in ['__class__'] %}{{ ''[k] }}{% endfor %}"),
    "with": ("template-computed-name", "{% with k = '__cl' ~ 'ass__' %}{{ ''[k] }}{% endwith %}"),
    "macro-argument": (
        "template-computed-name",
        "{% macro m(o, k) %}{{ o[k] }}{% endmacro %}{{ m('', '__cl' ~ 'ass__') }}",
    ),
    "macro-keyword": (
        "template-computed-name",
        "{% macro m(o, k) %}{{ o[k] }}{% endmacro %}{{ m('', k='__cl' ~ 'ass__') }}",
    ),
    "macro-default": (
        "template-computed-name",
        "{% macro m(o, k='__cl' ~ 'ass__') %}{{ o[k] }}{% endmacro %}{{ m('') }}",
    ),
    "macro-result": ("template-computed-name", "{% macro m() %}__x{% endmacro %}{{ ''[m()] }}"),
    "macro-varargs": (
        "template-computed-name",
        "{% macro m() %}{{ ''[varargs[0]] }}{% endmacro %}{{ m('__cl' ~ 'ass__') }}",
    ),
    "namespace-variable": (
        "template-computed-name",
        "{% set ns = namespace() %}{% set ns.k = '__cl' ~ 'ass__' %}{{ ''[ns.k] }}",
    ),
    "namespace-argument": (
        "template-computed-name",
        "{% set ns = namespace(k='__cl' ~ 'ass__') %}{{ ''[ns.k] }}",
    ),
    "tuple-assign": ("template-computed-name", "{% set a, b = 1, '__cl' ~ 'ass__' %}{{ ''[b] }}"),
    "condition": ("template-computed-name", "{{ ''['__cl' ~ 'ass__' if true else 'a'] }}"),
    "default": ("template-computed-name", "{{ ''[missing or '__cl' ~ 'ass__'] }}"),
    "map-attribute": ("template-attribute", "{{ ['']|map(attribute='__class__')|list }}"),
    "map-dotted": ("template-attribute", "{{ ['']|map(attribute='a.__class__')|list }}"),
    "map-attr": ("template-attribute", "{{ ['']|map('attr', '__class__')|list }}"),
    "map-computed": ("template-computed-name", "{{ ['']|map(attribute='__cl' ~ 'ass__')|list }}"),
    "map-spread": ("template-computed-name", "{{ ['']|map(**{'attribute': x})|list }}"),
    "selectattr": ("template-attribute", "{{ ['']|selectattr('__class__')|list }}"),
    "groupby": ("template-attribute", "{{ ['']|groupby('__class__') }}"),
    "sort": ("template-attribute", "{{ ['']|sort(attribute='__class__') }}"),
    "format-field": ("template-format", "{{ '{0.__class__}'.format(x) }}"),
    "format-index": ("template-format", "{{ '{0[a]}'.format(x) }}"),
    "format-variable": ("template-format", "{% set f = '{0.a}' %}{{ f.format(x) }}"),
    "format-map": ("template-format", "{{ '{x.a}'.format_map(y) }}"),
    "include": ("template-loads", "{% include '/etc/passwd' %}"),
    "import": ("template-loads", "{% import 'a' as a %}"),
    "from-import": ("template-loads", "{% from 'a' import b %}"),
    "extends": ("template-loads", "{% extends 'a' %}"),
    "popen": ("template-call", "{{ x.os.popen('true') }}"),
    "eval": ("template-call", "{{ x.eval('1') }}"),
    "mro": ("template-attribute", "{{ x.mro() }}"),
    "frame": ("template-attribute", "{{ x.gi_frame.f_globals }}"),
    "globals": ("template-attribute", "{{ x.func_globals }}"),
    "private": ("template-attribute", "{{ x._module }}"),
    "builtins-name": ("template-gadget", "{{ __builtins__ }}"),
    "in-test": ("template-attribute", "{% if x.__class__ is defined %}{% endif %}"),
    "in-generation": ("template-attribute", "{% generation %}{{ x.__class__ }}{% endgeneration %}"),
    "in-block": ("template-attribute", "{% block a %}{{ x.__class__ }}{% endblock %}"),
    "in-filter-block": ("template-attribute", "{% filter attr('__class__') %}{% endfilter %}"),
    "in-call-block": (
        "template-attribute",
        "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ x.__class__ }}{% endcall %}",
    ),
    "do": ("template-attribute", "{% do x.__class__ %}"),
    "hidden-by-whitespace": ("template-attribute", "{{ '' \n . \t __class__ }}"),
    "far-behind": ("template-attribute", "{{ a }}" * 9000 + "{{ ''.__class__ }}"),
    "range": ("template-exhausts", "{% for i in range(10000000000) %}a{% endfor %}"),
    "repeat": ("template-exhausts", "{{ 'a' * 10000000000 }}"),
    "power": ("template-exhausts", "{{ 9 ** 999999999 }}"),
    "unknown-tag": ("template-syntax", "{% load os %}"),
    "cut": ("template-syntax", "{{ ''.__class__"),
    "deep": ("template-depth", "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}"),
    "deep-sum": ("template-depth", "{{ " + "a + " * 5000 + "a }}"),
    "too-long": ("template-size", "{{ a }}" * 100_000),
    "giant-integer": ("template-syntax", "{{ " + "9" * 6000 + " }}"),
}

ORDINARY: dict[str, str] = {
    "chatml": "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + "
    "message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "pairs": "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
    "{% endif %}{% for message in loop_messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if loop.index0 == 0 and system_message is defined %}"
    "{% set content = '<<SYS>>\n' + system_message + '\n<</SYS>>\n\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}"
    "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% endfor %}",
    "headers": "{{- bos_token }}{%- if not date_string is defined %}"
    "{%- set date_string = strftime_now('%d %b %Y') %}{%- endif %}"
    "{%- for message in messages %}{%- if 'tool_calls' in message %}"
    "{%- set tool_call = message.tool_calls[0].function %}"
    '{{- \'{"name": "\' + tool_call.name + \'", "parameters": \' }}'
    "{{- tool_call.arguments | tojson }}{%- for arg_name, arg_val in tool_call.arguments | items %}"
    "{{- arg_name + '=\"' + arg_val|string + '\"' }}{%- if not loop.last %}{{- ', ' }}{%- endif %}"
    "{%- endfor %}{%- else %}{{- message['content'] | trim + '<|eot|>' }}{%- endif %}{%- endfor %}",
    "thinking": "{%- set ns = namespace(last=true, index=messages|length - 1, text='') %}"
    "{%- for message in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}"
    "{%- if ns.last and message.role == 'user' and messages[index].content is string %}"
    "{%- set ns.last = false %}{%- set ns.index = index %}{%- endif %}{%- endfor %}"
    "{%- for message in messages %}{%- set content = message.content %}"
    "{%- if '</think>' in content %}"
    "{%- set reasoning = content.split('</think>')[0].rstrip('\n').split('<think>')[-1] %}"
    "{%- set content = content.split('</think>')[-1].lstrip('\n') %}{%- endif %}"
    "{%- if loop.index0 > ns.index and messages[loop.index0 - 1].role == 'tool' %}"
    "{{- '<|im_start|>' ~ message.role ~ '\n' ~ content }}{%- endif %}"
    "{%- set ns.text = ns.text + content %}{%- endfor %}",
    "tool-types": "{%- macro kind(spec) %}{%- set names = {'string': 'str', 'number': 'float'} %}"
    "{%- if names[spec.type] is defined %}{{- names[spec.type] }}"
    "{%- elif spec.type == 'array' %}{{- 'list[' + kind(spec['items']) + ']' }}"
    "{%- elif spec.type is iterable and spec.type is not string %}"
    "{%- for one in spec.type %}{{- kind({'type': one}) }}{%- endfor %}{%- endif %}{%- endmacro %}"
    "{%- for tool in tools %}{%- set tool = tool.function %}{{- 'def ' + tool.name + '(' }}"
    "{%- for name, fields in tool.parameters.properties.items() %}"
    "{{- name + ': ' + kind(fields) }}{%- endfor %}{{- ')' }}"
    "{%- for name in tool.parameters.required %}"
    "{{- tool.parameters.properties[name].description }}{%- endfor %}{%- endfor %}",
    "tool-tags": "{%- for tool in tools %}{%- for key in tool.keys() | reject('in', handled) %}"
    "{%- set tag = key | replace('-', '_') | replace(' ', '_') %}"
    "{%- if tool[key] is mapping %}{{- '<' ~ tag ~ '>' ~ (tool[key] | tojson | safe) }}"
    "{%- else %}{{- '<' ~ tag ~ '>' ~ (tool[key] | string) }}{%- endif %}"
    "{%- endfor %}{%- endfor %}",
    "filters": "{%- set system = messages | selectattr('role', 'equalto', 'system') | list %}"
    "{%- set users = messages | rejectattr('role', 'equalto', 'system') | list %}"
    "{{ system | map(attribute='content') | join('\n') }}{{ users | length }}"
    "{% for role, group in messages | groupby('role') %}{{ role }}{% endfor %}"
    "{{ tools | map(attribute='function.name') | sort | join(', ') }}",
    "generation": "{% for message in messages %}{% if message.role == 'assistant' %}"
    "{% generation %}{{ message.content }}{% endgeneration %}{% endif %}{% endfor %}",
    "loop-control": "{% for message in messages %}{% if message.role == 'x' %}{% continue %}"
    "{% elif loop.index > 9 %}{% break %}{% endif %}{{ message.content }}{% endfor %}"
    "{% do messages %}",
    "images": "{% for item in message['content'] %}{% if item['type'] == 'image' %}"
    "{% set ns.images = ns.images + 1 %}{{ 'Picture ' ~ ns.images ~ ': <|vision|>' }}"
    "{% elif 'text' in item %}{{ item['text'] }}{% endif %}{% endfor %}",
    "macro-arguments": "{% macro field(value, indent='') %}{% for key in value %}"
    "{{ indent ~ key ~ ': ' ~ value[key] }}{{ field(value[key], indent + '  ') }}{% endfor %}"
    "{% endmacro %}{{ field(tools[0]) }}",
    "comment": "{# see obj.__class__ in the manual #}the __class__ of {{ messages[0].content }}",
    "format": "{{ '{}: {:>4}'.format(messages[0].role, 1) }}{{ '%s-%s' % (a, b) }}"
    "{{ '%s' | format(a) }}",
    "no-template": "You are a helpful assistant.",
    "underscored": "{{ message['_id'] }}{{ '__media__' }}{{ tool_calls[0].function_name }}",
    "document": "{% set docs = documents | sort(attribute='score', reverse=true) %}"
    "{% for doc in docs[:3] %}{{ doc.title | upper }}{{ doc['text'] | truncate(100) }}{% endfor %}"
    "{% set last = messages[messages|length - 1] %}{{ messages[-1]['role'] }}{{ last.role }}",
}


def _config(template: object, key: str = "chat_template") -> bytes:
    return json.dumps({"model_max_length": 4096, key: template}).encode()


PLAIN = "{{ ''.__class__ }}"


def malicious() -> list[Case]:
    """Give every template that must be refused, in a file of its own and in configurations."""
    cases = [
        Case(f"templates/{name}", {"chat_template.jinja": text.encode()}, rule)
        for name, (rule, text) in ATTACKS.items()
    ]
    named = [{"name": "default", "template": "{{ a }}"}, {"name": "tool_use", "template": PLAIN}]
    hidden = _config(PLAIN).replace(b"chat_template", b"chat\\u005ftemplate")
    twice = b'{"chat_template":%b,"chat_template":"{{ a }}"}' % json.dumps(PLAIN).encode()
    files = {
        "tokenizer-config": {"tokenizer_config.json": _config(PLAIN)},
        "named": {"tokenizer_config.json": _config(named)},
        "by-name": {"tokenizer_config.json": _config({"default": PLAIN})},
        "processor": {"processor_config.json": _config(PLAIN)},
        "chat-template-json": {"sub/chat_template.json": _config(PLAIN)},
        "any-json": {"odd.json": _config({"deep": [{"system_template": PLAIN}]}, "x")},
        "key-escaped": {"tokenizer_config.json": hidden},
        "shadowed": {"tokenizer_config.json": twice},
        "bom": {"tokenizer_config.json": b"\xef\xbb\xbf" + _config(PLAIN)},
        "utf-16": {"tokenizer_config.json": _config(PLAIN).decode().encode("utf-16")},
        "additional": {"additional_chat_templates/tool.jinja": PLAIN.encode()},
        "jinja-upper": {"CHAT_TEMPLATE.JINJA": PLAIN.encode()},
        "j2": {"prompt.j2": PLAIN.encode()},
        "jinja-utf-16": {"chat_template.jinja": PLAIN.encode("utf-16")},
    }
    cases += [
        Case(f"templates/file-{key}", value, "template-attribute") for key, value in files.items()
    ]
    broken = {"tokenizer_config.json": _config(PLAIN) + b"}"}
    return [*cases, Case("templates/file-broken-json", broken, "config-unreadable")]


def benign() -> list[Case]:
    """Give ordinary templates, alone and in configurations."""
    alone = [
        Case(f"templates/{name}", {"chat_template.jinja": text.encode()})
        for name, text in ORDINARY.items()
    ]
    inside = [
        Case(f"templates/config-{name}", {"tokenizer_config.json": _config(text)})
        for name, text in ORDINARY.items()
    ]
    vocabulary = json.dumps({"model": {"vocab": {"{{": 1, "{%": 2, "__class__": 3}}}).encode()
    return [*alone, *inside, Case("templates/tokenizer", {"tokenizer.json": vocabulary})]
