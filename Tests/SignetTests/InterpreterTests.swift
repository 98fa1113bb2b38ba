// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// The interpreter, which is the oracle of the engine.
///
/// Oracle here: small cases worked out by hand.
struct InterpreterTests {
  /// Loads a model of these operators for an image of height × width × channels.
  private static func interpreter(
    _ height: Int, _ width: Int, _ channels: Int, _ build: (inout CompactModelBuilder) -> Void
  ) throws -> Interpreter {
    var builder = CompactModelBuilder(
      network: "hand", method: "tang",
      preprocessing: Preprocessing(
        height: height, width: width, channels: channels, mean: Array(repeating: 0, count: channels),
        deviation: Array(repeating: 1, count: channels)), classNames: [])
    build(&builder)
    return Interpreter(try CompactModel(bytes: builder.encoded(), path: "hand.signet").program)
  }

  private static func entry(_ op: Operator.Kind, _ name: String, _ edit: (inout Operator) -> Void = { _ in })
    -> Operator
  {
    var entry = Operator(op, name)
    edit(&entry)
    return entry
  }

  /// 2×2 image (1 2; 3 4), kernel 2×2 of ones, padding 1, bias 10: each output is 10 plus the pixels it covers.
  @Test func convolutionWithPadding() throws {
    let interpreter = try Self.interpreter(2, 2, 1) {
      $0.add(Self.entry(.convolution, "c") { ($0.filters, $0.kernel, $0.padding) = (1, [2, 2], [1, 1]) })
      $0.add("c.weight", shape: [1, 2, 2, 1], floats: [1, 1, 1, 1])
      $0.add("c.bias", shape: [1], floats: [10])
    }
    #expect(interpreter.run([1, 2, 3, 4]) == [11, 13, 12, 14, 20, 16, 13, 17, 14])
  }

  /// Two groups of one channel: each filter sees its own channel only; weights are [filter][tap][channel].
  @Test func groupsSeeTheirOwnChannels() throws {
    let interpreter = try Self.interpreter(1, 2, 2) {
      $0.add(
        Self.entry(.convolution, "c") { ($0.filters, $0.kernel, $0.groups) = (4, [1, 2], 2) })
      $0.add("c.weight", shape: [4, 1, 2, 1], floats: [1, 0, 0, 1, 1, 1, 1, -1])
      $0.add("c.bias", shape: [4], floats: [0, 0, 0, 0])
    }
    // Channel 0 is 5 then 7; channel 1 is 100 then 30.
    #expect(interpreter.run([5, 100, 7, 30]) == [5, 7, 130, 70])
  }

  /// Two planes of weights 2 and 1 in units of 1/2 stand for ±1.5, ±0.5; padding adds exactly 0.
  @Test func binaryConvolutionOfTwoPlanes() throws {
    var codes: [Interpreter.Value] = []
    let interpreter = try Self.interpreter(1, 4, 1) {
      $0.add(Self.entry(.binarize, "b") { ($0.planes, $0.exponent) = ([2, 1], 1) })
      $0.add(
        Self.entry(.binaryConvolution, "c") { ($0.filters, $0.kernel, $0.padding) = (2, [1, 3], [0, 1]) })
      // Filter 0: + + +; filter 1: + − −, low bit first.
      $0.add("c.weight", words: [0b001_111])
    }
    let found = interpreter.run([1.2, 0, -0.3, -5]) { codes.append($1) }
    // 1.2: +, rest 0.2: +. 0: +, rest −1: −. −0.3: −, rest 0.7: +. −5: −, −.
    #expect(codes[0] == .codes([0b11, 0b10, 0b01, 0b00]))
    // Values 1.5, 0.5, −0.5, −1.5.
    #expect(found == [2, -2, 1.5, 1.5, -1.5, 2.5, -2, 1])
  }

  /// Cyclic intervals: 1 where low ≤ a < high, or outside if low > high; then pooled, channel 1 by its minimum.
  @Test func thresholdsAndPoolsOfBits() throws {
    var values: [Interpreter.Value] = []
    let interpreter = try Self.interpreter(1, 3, 1) {
      $0.add(Self.entry(.binarize, "b") { $0.planes = [1] })
      $0.add(Self.entry(.binaryConvolution, "c") { ($0.filters, $0.kernel) = (3, [1, 1]) })
      $0.add("c.weight", words: [0b011])
      $0.add(Operator(.threshold, "t"))
      $0.add("t.interval", shape: [2, 3], integers: [1, 1, 1, 2, 2, 0], bound: 1)
      $0.add(Self.entry(.maxPool, "p") { ($0.kernel, $0.stride) = ([1, 2], [1, 2]) })
      $0.add("p.inverted", words: [0b010])
      $0.add(Self.entry(.binaryConvolution, "d") { ($0.filters, $0.kernel) = (1, [1, 2]) })
      $0.add("d.weight", words: [0b111_111])
    }
    let logits = interpreter.run([3, -3, -3]) { values.append($1) }
    #expect(values[1] == .reals([1, 1, -1, -1, -1, 1, -1, -1, 1]))
    // Channels 0 and 1: a ≥ 1. Channel 2: a ≥ 1 or a < 0, always.
    #expect(values[2] == .codes([1, 1, 1, 0, 0, 1, 0, 0, 1]))
    #expect(values[3] == .codes([1, 0, 1, 0, 0, 1]))
    #expect(logits == [0])
  }

  /// Overlapping 3/2 max-pool of a row of 4, rounded up: windows {1 5 2} and {2 4}; then the other reals' operators.
  @Test func operatorsOnReals() throws {
    var values: [Interpreter.Value] = []
    let interpreter = try Self.interpreter(1, 4, 2) {
      $0.add(Self.entry(.maxPool, "m") { ($0.kernel, $0.stride) = ([1, 3], [1, 2]) })
      $0.add(Operator(.prelu, "p"))
      $0.add("p.slope", shape: [2], floats: [0.5, -2])
      $0.add(Operator(.affine, "a"))
      $0.add("a.scale", shape: [2], floats: [2, -1])
      $0.add("a.shift", shape: [2], floats: [0.5, 1])
      $0.add(Operator(.relu, "r"))
      $0.add(Operator(.averagePool, "g"))
      $0.add(Operator(.scale, "s"))
      $0.add("s.factor", shape: [1], floats: [-4])
    }
    let logits = interpreter.run([1, -1, 5, -2, 2, -3, 4, -4]) { values.append($1) }
    #expect(values[0] == .reals([5, -1, 4, -3]))
    #expect(values[1] == .reals([5, 2, 4, 6]))
    #expect(values[2] == .reals([10.5, -1, 8.5, -5]))
    #expect(values[3] == .reals([10.5, 0, 8.5, 0]))
    #expect(values[4] == .reals([9.5, 0]))
    #expect(logits == [-38, 0])
  }

  /// sign(0) and sign(−0) are +1, and no number is −1.
  @Test func signsOfZero() throws {
    let interpreter = try Self.interpreter(1, 5, 1) {
      $0.add(Self.entry(.binarize, "b") { $0.planes = [1] })
      $0.add(Self.entry(.binaryConvolution, "c") { ($0.filters, $0.kernel) = (1, [1, 1]) })
      $0.add("c.weight", words: [1])
    }
    #expect(interpreter.run([0, -0.0, -0x1p-149, 0x1p-149, .nan]) == [1, 1, -1, 1, -1])
  }
}
