"""Kernels, loops and exchanges are read off the text of a compiled program."""

from collections import Counter

from benchmarks.hlo import collectives, exchanged, launched

GPU = """HloModule jit_update

%product (p: f32[4,8]) -> f32[4,8] {
  %p = f32[4,8]{1,0} parameter(0)
  ROOT %tanh = f32[4,8]{1,0} tanh(%p)
}

%sum (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %add = f32[] add(%a, %b)
}

%inner (t: (s32[], f32[4,8])) -> (s32[], f32[4,8]) {
  %t = (s32[], f32[4,8]{1,0}) parameter(0)
  %x = f32[4,8]{1,0} get-tuple-element(%t), index=1
  %y = f32[4,8]{1,0} fusion(%x), kind=kLoop, calls=%product
  ROOT %tuple.1 = (s32[], f32[4,8]{1,0}) tuple(%x, %y)
}

%body (t: (s32[], f32[4,8])) -> (s32[], f32[4,8]) {
  %t = (s32[], f32[4,8]{1,0}) parameter(0)
  %n = s32[] get-tuple-element(%t), index=0
  %x = f32[4,8]{1,0} get-tuple-element(%t), index=1
  %more = s32[] fusion(%n), kind=kLoop, calls=%product
  %dot = (f32[4,8]{1,0}, s8[64]{0}) custom-call(%x), custom_call_target="__cublas$gemm"
  %all = f32[4,8]{1,0} all-reduce-start(%x), to_apply=%sum
  %done = f32[4,8]{1,0} all-reduce-done(%all)
  %copy = f32[4,8]{1,0} copy(%done)
  %in = (s32[], f32[4,8]{1,0}) while(%t), condition=%until, body=%inner, metadata={op_name="jit(update)/decoder/while"}, backend_config={"known_trip_count":{"n":"3"}}
  ROOT %tuple.2 = (s32[], f32[4,8]{1,0}) tuple(%more, %copy)
}

%until (t: (s32[], f32[4,8])) -> pred[] {
  %t = (s32[], f32[4,8]{1,0}) parameter(0)
  %n = s32[] get-tuple-element(%t), index=0
  ROOT %less = pred[] compare(%n, %n), direction=LT
}

ENTRY %main (x: (s32[], f32[4,8])) -> (s32[], f32[4,8]) {
  %x = (s32[], f32[4,8]{1,0}) parameter(0)
  %one = (s32[], f32[4,8]{1,0}) while(%x), condition=%until, body=%body, metadata={op_name="jit(update)/encoder/while"}, backend_config={"known_trip_count":{"n":"7"}}
  ROOT %two = (s32[], f32[4,8]{1,0}) while(%one), condition=%until, body=%inner, metadata={op_name="jit(update)/vocabulary/while"}
}
"""  # noqa: E501 (as XLA writes it)
TPU = """HloModule jit_update

%body (t: (s32[], f32[4,8])) -> (s32[], f32[4,8]) {
  %t = (s32[]{:T(128)}, f32[4,8]{1,0:T(8,128)S(1)}) parameter(0)
  %n = s32[]{:T(128)} get-tuple-element(%t), index=0
  %next = s32[]{:T(128)} add(%n, %n)
  %x = f32[4,8]{1,0:T(8,128)S(1)} get-tuple-element(%t), index=1
  %y = (f32[4,8]{1,0:T(8,128)}, f32[8]{0:T(128)}) fusion(%x), kind=kOutput, calls=%gone
  ROOT %tuple = (s32[]{:T(128)}, f32[4,8]{1,0:T(8,128)}) tuple(%next, %x)
}

%until (t: (s32[], f32[4,8])) -> pred[] {
  %t = (s32[]{:T(128)}, f32[4,8]{1,0:T(8,128)}) parameter(0)
  %bound = s32[]{:T(128)} constant(7)
  %n = s32[]{:T(128)} get-tuple-element(%t), index=0
  ROOT %less = pred[]{:T(512)} compare(%n, %bound), direction=LT
}

ENTRY %main (x: (s32[], f32[4,8])) -> (s32[], f32[4,8]) {
  %x = (s32[]{:T(128)}, f32[4,8]{1,0:T(8,128)}) parameter(0)
  %buffer = f32[4,8]{1,0:T(8,128)} custom-call(), custom_call_target="AllocateBuffer"
  ROOT %loop = (s32[]{:T(128)}, f32[4,8]{1,0:T(8,128)}) while(%x), condition=%until, body=%body
}
"""  # noqa: E501


def test_kernels_of_every_loop():
    program = launched(GPU)
    encoder, decoder, vocabulary = program.loops
    assert [loop.path for loop in program.loops] == ["encoder", "decoder", "vocabulary"]
    # The counter of a loop is a kernel as well, on a GPU.
    kinds = {"fusions": 1 + 3, "library": 1, "copies": 1, "other": 1}
    assert encoder.kernels == Counter(kinds) and encoder.trips == 7
    assert (decoder.trips, decoder.around) == (3, (7,))
    assert decoder.kernels == vocabulary.kernels == Counter(fusions=1)
    assert program.waits == [vocabulary]
    assert program.outside.total() == 0
    # Four of the loop over words, and three trips of the loop inside it.
    assert program.a_word(7) == program.a_word(7, 3) == 4 + 3
    assert program.a_word(3) == 7 * 1  # words inside a loop over samples


def test_a_tpu_counts_loops_by_its_scalar_unit():
    program = launched(TPU)
    (loop,) = program.loops
    assert loop.trips == 7 and loop.kernels == Counter(fusions=1)
    assert program.waits == [] and program.a_word(7) == 1
    assert program.outside.total() == 0


def test_what_is_exchanged_in_a_loop_counts_as_often_as_it_runs():
    assert collectives(GPU) == {"all-reduce": 7, "unknown loops": 1}
    assert exchanged(GPU) == {"all-reduce": 7 * 128, "unknown loops": 1}
    assert collectives(TPU) == {}
