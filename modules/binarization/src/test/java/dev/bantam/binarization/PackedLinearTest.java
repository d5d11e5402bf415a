package dev.bantam.binarization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.compression.BinaryTensor;
import dev.bantam.compression.Groups;
import dev.bantam.tensor.Floats;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Products on bits give the floats of the training-time simulation, bit for bit. */
class PackedLinearTest {
  private static float[] gaussian(int n, long seed) {
    final Random random = new Random(seed);
    final float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static List<InputCoder> inputs(int k) {
    final INDArray scale = Floats.tensor(new float[] {.37f}, 1);
    final INDArray move = Floats.tensor(gaussian(k, 3), k);
    return List.of(
        new SignInput(),
        new StepInput(),
        new RangeInput(2, 2.5f),
        new RangeInput(4, 2.5f),
        new RangeInput(8, 2.5f),
        new ElasticInput(new Elastic(1, true), scale, move, 0f, 1, 1),
        new ElasticInput(new Elastic(1, false), scale, move, 0f, 1, 1),
        new ElasticInput(new Elastic(2, true), scale, null, 0f, 1, 1),
        new ElasticInput(new Elastic(4, false), scale, move, 0.2f, 1, 1),
        new ElasticInput(new Elastic(8, false), scale, null, 0f, 1, 1));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 65, 200})
  void equalsTheSimulation(int k) {
    final int outputs = 150;
    final int rows = 300;
    final float[] x = gaussian(rows * k, 1);
    final float[] w = gaussian(outputs * k, 2);
    final float[] bias = gaussian(outputs, 4);
    for (WeightCoder coder :
        List.of(BinaryWeights.BIBERT, BinaryWeights.BIT, new TernaryWeights(false, 2.5f))) {
      final INDArray coded =
          Floats.tensor(BibertGoldenTest.decoded(coder, w, outputs, k), outputs, k);
      for (InputCoder input : inputs(k)) {
        try (QuantizedLinear simulated =
            new QuantizedLinear(Floats.tensor(w, outputs, k), coder, Optional.of(input))) {
          final float[] expected = Operators.forward(simulated, x, rows, bias);
          final PackedLinear packed = PackedLinear.of(coded, coder.levels() == 3, input);
          assertArrayEquals(expected, forward(packed, x, rows, bias), coder + " " + input.codes());
        }
      }
    }
  }

  private static float[] forward(PackedLinear operator, float[] x, int rows, float[] bias) {
    final int o = operator.outputs();
    final Floats y = Floats.zeros(rows, o);
    for (int from = 0; from < o; from += 96) {
      operator.forward(
          new dev.bantam.tensor.Blas.Matrix(
              Floats.of(Floats.tensor(x, rows, operator.inputs())), 0, operator.inputs()),
          rows,
          new dev.bantam.tensor.Blas.Matrix(y, 0, o),
          from,
          Math.min(o, from + 96),
          (values, row, n, column, columns) -> {
            for (int i = 0; i < n * columns; i++) {
              values[i] += bias[column + i % columns];
            }
          });
    }
    return Floats.toArray(y.array());
  }

  /** Zero rows keep their signs; a stored form gives what its restored weight gives. */
  @Test
  void fromAStoredForm() {
    final boolean[] positive = {true, false, true, false, false, true};
    final BinaryTensor signs =
        BinaryTensor.of(
            new long[] {2, 3},
            Groups.perRow(2, 3),
            positive,
            new float[] {.5f, 0f},
            SafetensorsType.F32);
    final float[] x = {1, -2, 3, 0, -0f, -1};
    final float[] bias = {0, 1};
    final float[] expected = {.5f * 3, 1, -.5f + 0, 1};
    expected[2] = .5f * (1 + 1 - 1);
    final float[] fromBits = forward(PackedLinear.of(signs, new SignInput()), x, 2, bias);
    assertArrayEquals(expected, fromBits);
    final PackedLinear restored = PackedLinear.of(signs.dense(), false, new SignInput());
    assertArrayEquals(fromBits, forward(restored, x, 2, bias));
    assertEquals(2 * 8 + 2 * 4, restored.storedBytes());
  }

  @Test
  void otherWeightsAreRefused() {
    final IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                PackedLinear.of(
                    Floats.tensor(new float[] {1, 1, 1, 2}, 2, 2), false, new SignInput()));
    assertTrue(e.getMessage().contains("row 1"), e.getMessage());
  }
}
