package dev.bantam.export.onnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import onnx.Onnx;
import onnx.Onnx.TensorProto.DataType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The interpreter's integer operators against ONNX Runtime's, and by hand. */
class OnnxOperatorsTest {
  private static Onnx.NodeProto node(String op, int inputs, int outputs, long... attributes) {
    final Onnx.NodeProto.Builder node = Onnx.NodeProto.newBuilder().setOpType(op).setName(op);
    for (int i = 0; i < inputs; i++) {
      node.addInput("in" + i);
    }
    for (int i = 0; i < outputs; i++) {
      node.addOutput("out" + i);
    }
    if (op.equals("MatMulNBits")) {
      node.setDomain("com.microsoft")
          .addAttribute(GraphBuilder.integer("K", attributes[0]))
          .addAttribute(GraphBuilder.integer("N", attributes[1]))
          .addAttribute(GraphBuilder.integer("bits", attributes[2]))
          .addAttribute(GraphBuilder.integer("block_size", attributes[3]));
    }
    return node.build();
  }

  private static int type(OnnxValue value) {
    return value.reals() != null
        ? DataType.FLOAT_VALUE
        : value.unsigned() ? DataType.UINT8_VALUE : DataType.INT8_VALUE;
  }

  private static Onnx.ValueInfoProto info(String name, int type) {
    return Onnx.ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            Onnx.TypeProto.newBuilder()
                .setTensorType(Onnx.TypeProto.Tensor.newBuilder().setElemType(type)))
        .build();
  }

  /** One operator in ONNX Runtime; outputs as numbers, in order. */
  private static List<double[]> runtime(
      Onnx.NodeProto node, List<OnnxValue> inputs, int... outputTypes) {
    final Onnx.GraphProto.Builder graph = Onnx.GraphProto.newBuilder().setName("one").addNode(node);
    for (int i = 0; i < inputs.size(); i++) {
      graph.addInput(info("in" + i, type(inputs.get(i))));
    }
    for (int i = 0; i < outputTypes.length; i++) {
      graph.addOutput(info("out" + i, outputTypes[i]));
    }
    final Onnx.ModelProto model =
        Onnx.ModelProto.newBuilder()
            .setIrVersion(8)
            .addOpsetImport(Onnx.OperatorSetIdProto.newBuilder().setVersion(17))
            .addOpsetImport(
                Onnx.OperatorSetIdProto.newBuilder().setDomain("com.microsoft").setVersion(1))
            .setGraph(graph)
            .build();
    final OrtEnvironment environment = OrtEnvironment.getEnvironment();
    final Map<String, OnnxTensor> tensors = new HashMap<>();
    try (OrtSession session = environment.createSession(model.toByteArray())) {
      for (int i = 0; i < inputs.size(); i++) {
        tensors.put("in" + i, tensor(environment, inputs.get(i)));
      }
      try (OrtSession.Result result = session.run(tensors)) {
        final List<double[]> outputs = new ArrayList<>();
        for (int i = 0; i < outputTypes.length; i++) {
          outputs.add(numbers((OnnxTensor) result.get(i), outputTypes[i]));
        }
        return outputs;
      }
    } catch (OrtException e) {
      throw new AssertionError(e);
    } finally {
      tensors.values().forEach(OnnxTensor::close);
    }
  }

  private static OnnxTensor tensor(OrtEnvironment environment, OnnxValue value)
      throws OrtException {
    final long[] shape = new long[value.shape().length];
    for (int d = 0; d < shape.length; d++) {
      shape[d] = value.shape()[d];
    }
    return value.reals() != null
        ? OnnxTensor.createTensor(environment, FloatBuffer.wrap(value.reals()), shape)
        : OnnxTensor.createTensor(
            environment,
            ByteBuffer.wrap(value.bytes()),
            shape,
            value.unsigned()
                ? ai.onnxruntime.OnnxJavaType.UINT8
                : ai.onnxruntime.OnnxJavaType.INT8);
  }

  private static double[] numbers(OnnxTensor tensor, int type) {
    switch (type) {
      case DataType.FLOAT_VALUE -> {
        final FloatBuffer values = tensor.getFloatBuffer();
        final double[] numbers = new double[values.remaining()];
        for (int i = 0; i < numbers.length; i++) {
          numbers[i] = values.get();
        }
        return numbers;
      }
      case DataType.INT32_VALUE -> {
        final java.nio.IntBuffer values = tensor.getIntBuffer();
        final double[] numbers = new double[values.remaining()];
        for (int i = 0; i < numbers.length; i++) {
          numbers[i] = values.get();
        }
        return numbers;
      }
      default -> {
        final ByteBuffer values = tensor.getByteBuffer();
        final double[] numbers = new double[values.remaining()];
        for (int i = 0; i < numbers.length; i++) {
          numbers[i] = values.get() & 0xff;
        }
        return numbers;
      }
    }
  }

  private static double[] numbers(OnnxValue value) {
    final double[] numbers = new double[value.length()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = value.reals() != null ? value.reals()[i] : value.whole(i);
    }
    return numbers;
  }

  /** Ties of the zero point, zeros, constants of either sign, tiny and huge ranges, half steps. */
  @Test
  void dynamicQuantization() {
    final SplittableRandom random = new SplittableRandom(1);
    final float[] normal = new float[5_000];
    for (int i = 0; i < normal.length; i++) {
      normal[i] = (float) ((random.nextDouble() - 0.4) * Math.exp(4 * random.nextDouble()));
    }
    final List<float[]> cases =
        List.of(
            normal,
            new float[] {0, 2, -3, -2.5f, 1.34f, 0.5f},
            new float[] {1, 2.1f, 1.3f, 2.5f, 3.34f, 4},
            new float[] {-1, -2.1f, -1.3f, -0.5f},
            new float[] {0, 0, 0},
            new float[] {5},
            new float[] {-0.5f, 254.5f},
            new float[] {-1.5f, 253.5f, 0.5f, 1.5f, 2.5f},
            new float[] {1e-38f, 3e-38f, -2e-38f},
            new float[] {1e30f, -3e30f, 7f});
    for (float[] x : cases) {
      final OnnxValue in = OnnxValue.reals(x, x.length);
      final Onnx.NodeProto node = node("DynamicQuantizeLinear", 1, 3);
      final List<double[]> expected =
          runtime(
              node, List.of(in), DataType.UINT8_VALUE, DataType.FLOAT_VALUE, DataType.UINT8_VALUE);
      final List<OnnxValue> got = OnnxOperators.apply(node, List.of(in));
      for (int i = 0; i < 3; i++) {
        assertArrayEquals(expected.get(i), numbers(got.get(i)), "output " + i);
      }
    }
  }

  /** Half steps, numbers next to them, zero points at both ends, what lies beyond, infinities. */
  @ParameterizedTest
  @CsvSource({"0.0123, 0, true", "0.1, 255, true", "0.5, 128, true", "0.1, -3, false"})
  void fixedQuantization(float scale, int zero, boolean unsigned) {
    final List<Float> values = new ArrayList<>();
    for (int half = -600; half <= 600; half++) {
      final float x = half * 0.5f * scale;
      values.addAll(List.of(x, Math.nextUp(x), Math.nextDown(x)));
    }
    values.addAll(List.of(1e30f, -1e30f, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY));
    final float[] x = new float[values.size()];
    for (int i = 0; i < x.length; i++) {
      x[i] = values.get(i);
    }
    final int type = unsigned ? DataType.UINT8_VALUE : DataType.INT8_VALUE;
    final List<OnnxValue> parameters =
        List.of(
            OnnxValue.reals(new float[] {scale}),
            OnnxValue.bytes(new byte[] {(byte) zero}, unsigned));
    final List<OnnxValue> in =
        List.of(OnnxValue.reals(x, x.length), parameters.get(0), parameters.get(1));
    final Onnx.NodeProto node = node("QuantizeLinear", 3, 1);
    final OnnxValue got = OnnxOperators.apply(node, in).get(0);
    final double[] bytes = numbers(got);
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (int) bytes[i] & 0xff; // as the runtime's are read
    }
    assertArrayEquals(runtime(node, in, type).get(0), bytes);
    final List<OnnxValue> back = List.of(got, parameters.get(0), parameters.get(1));
    final Onnx.NodeProto inverse = node("DequantizeLinear", 3, 1);
    assertArrayEquals(
        runtime(inverse, back, DataType.FLOAT_VALUE).get(0),
        numbers(OnnxOperators.apply(inverse, back).get(0)));
  }

  /** Scales and zero points of columns, and of rows. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void codesAreRestoredAlongAnAxis(int axis) {
    final byte[] codes = new byte[3 * 5];
    new SplittableRandom(4).nextBytes(codes);
    final float[] scales = {0.1f, -0.02f, 3f, 0.7f, 1e-6f};
    final byte[] zeros = {0, 5, -128, 127, 1};
    final int n = axis == 0 ? 3 : 5;
    final List<OnnxValue> in =
        List.of(
            OnnxValue.bytes(codes, false, 3, 5),
            OnnxValue.reals(Arrays.copyOf(scales, n), n),
            OnnxValue.bytes(Arrays.copyOf(zeros, n), false, n));
    final Onnx.NodeProto node =
        node("DequantizeLinear", 3, 1).toBuilder()
            .addAttribute(GraphBuilder.integer("axis", axis))
            .build();
    assertArrayEquals(
        runtime(node, in, DataType.FLOAT_VALUE).get(0),
        numbers(OnnxOperators.apply(node, in).get(0)));
  }

  @Test
  void valuesAreCut() {
    final List<OnnxValue> in =
        List.of(
            OnnxValue.reals(new float[] {-3, -1, 0.5f, 2, 7}, 5),
            OnnxValue.reals(new float[] {-1}),
            OnnxValue.reals(new float[] {2}));
    assertArrayEquals(
        new double[] {-1, -1, 0.5, 2, 2},
        numbers(OnnxOperators.apply(node("Clip", 3, 1), in).get(0)));
  }

  /** Sums beyond 2^24, where float32 has no room for every integer. */
  @Test
  void integerProductsAreExact() {
    final SplittableRandom random = new SplittableRandom(2);
    final int m = 3;
    final int k = 1_100;
    final int n = 5;
    final byte[] a = new byte[m * k];
    final byte[] b = new byte[k * n];
    random.nextBytes(a);
    random.nextBytes(b);
    Arrays.fill(a, 0, k, (byte) 255); // as large as sums get
    for (int i = 0; i < k; i++) {
      b[i * n] = 127;
    }
    final byte[] zeros = new byte[n];
    random.nextBytes(zeros);
    zeros[0] = -128;
    final List<OnnxValue> inputs =
        List.of(
            OnnxValue.bytes(a, true, 1, m, k),
            OnnxValue.bytes(b, false, k, n),
            OnnxValue.bytes(new byte[] {3}, true),
            OnnxValue.bytes(zeros, false, n));
    for (int count = 2; count <= 4; count++) {
      final Onnx.NodeProto node = node("MatMulInteger", count, 1);
      final double[] expected =
          runtime(node, inputs.subList(0, count), DataType.INT32_VALUE).get(0);
      assertArrayEquals(
          expected, numbers(OnnxOperators.apply(node, inputs.subList(0, count)).get(0)));
    }
  }

  /** Two multiplied by hand: codes 0..15, scale 0.5, inputs 1..16; zero points 8 and 3. */
  @ParameterizedTest
  @ValueSource(ints = {8, 3})
  void blockProductsByHand(int zero) {
    final byte[] codes = new byte[8];
    for (int i = 0; i < 8; i++) {
      codes[i] = (byte) (2 * i | (2 * i + 1) << 4);
    }
    final float[] x = new float[16];
    for (int i = 0; i < 16; i++) {
      x[i] = i + 1;
    }
    final List<OnnxValue> inputs =
        List.of(
            OnnxValue.reals(x, 1, 1, 16),
            OnnxValue.bytes(codes, true, 1, 1, 8),
            OnnxValue.reals(new float[] {0.5f}, 1),
            OnnxValue.bytes(new byte[] {(byte) zero}, true, 1));
    final int count = zero == 8 ? 3 : 4;
    final Onnx.NodeProto node = node("MatMulNBits", count, 1, 16, 1, 4, 16);
    final double got = numbers(OnnxOperators.apply(node, inputs.subList(0, count)).get(0))[0];
    assertEquals(zero == 8 ? 136 : 476, got);
    assertEquals(
        runtime(node, inputs.subList(0, count), DataType.FLOAT_VALUE).get(0)[0], got, 1e-4);
  }
}
