package dev.bantam.mixedprecision;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Against ONNX Runtime's QuantizeLinear and DequantizeLinear, and by definition. */
class IntegerCodesTest {
  static List<Path> perTensor() {
    return GoldenCase.folders("quantization", "ort-quantize-linear-s");
  }

  static List<Path> perAxis() {
    return GoldenCase.folders("quantization", "ort-quantize-linear-axis");
  }

  static List<Path> blocked() {
    return GoldenCase.folders("quantization", "ort-quantize-linear-blocked");
  }

  static List<Path> bulk() {
    return GoldenCase.folders("quantization", "ort-quantize-linear-bulk");
  }

  /** Codes of a type such as int4 or uint16. */
  private record Codes(int low, int high) {
    static Codes of(String type) {
      final int bits = Integer.parseInt(type.replaceAll("\\D", ""));
      return type.startsWith("u")
          ? new Codes(0, (1 << bits) - 1)
          : new Codes(-(1 << (bits - 1)), (1 << (bits - 1)) - 1);
    }
  }

  private static void check(float x, float s, int z, Codes codes, int q, float y, String what) {
    final int code = IntegerCodes.code(x, s, z, codes.low, codes.high);
    assertEquals(q, code, what);
    assertEquals(
        Float.floatToIntBits(y), Float.floatToIntBits(IntegerCodes.value(code, s, z)), what);
  }

  @ParameterizedTest
  @MethodSource("perTensor")
  void oneScaleAsOnnxRuntime(Path folder) {
    int checked = 0;
    try (GoldenCase c = new GoldenCase(folder)) {
      for (String name : c.names()) {
        if (!name.startsWith("input.x.")) {
          continue;
        }
        final String key = name.substring("input.x.".length());
        final Codes codes = Codes.of(key.substring(0, key.indexOf('.')));
        final float scale = (float) c.parameters().path("scale." + key).asDouble();
        final int zero = c.parameters().path("zero_point." + key).asInt();
        final float[] x = c.floats(name);
        final int[] q = c.ints("expected.q." + key);
        final float[] y = c.floats("expected.y." + key);
        for (int i = 0; i < x.length; i++) {
          check(x[i], scale, zero, codes, q[i], y[i], c + " " + key + " x=" + x[i]);
          checked++;
        }
      }
    }
    assertTrue(checked > 1000, "checked " + checked);
  }

  private static int axisCase(Path folder, int block) {
    int checked = 0;
    try (GoldenCase c = new GoldenCase(folder)) {
      final int rows = (int) c.shape("input.x")[0];
      final int columns = (int) c.shape("input.x")[1];
      for (String name : c.names()) {
        if (!name.startsWith("input.scale.")) {
          continue;
        }
        final String key = name.substring("input.scale.".length());
        final Codes codes = Codes.of(key.substring(0, key.indexOf('.')));
        final boolean alongRows = key.endsWith("axis0");
        final float[] x = c.floats("input.x");
        final float[] scales = c.floats(name);
        final int[] zeros = c.ints("input.zero_point." + key);
        final int[] q = c.ints("expected.q." + key);
        final float[] y = c.floats("expected.y." + key);
        for (int r = 0; r < rows; r++) {
          for (int col = 0; col < columns; col++) {
            final int group;
            final int at;
            if (block == 0) { // one scale for an index of the axis
              group = alongRows ? r : col;
              at = r * columns + col;
            } else if (alongRows) { // blocks of rows, [blocks, columns]
              group = r / block * columns + col;
              at = r * columns + col;
            } else { // the transpose, blocks of its columns
              group = col * ((rows + block - 1) / block) + r / block;
              at = col * rows + r;
            }
            check(
                x[r * columns + col],
                scales[group],
                zeros[group],
                codes,
                q[at],
                y[at],
                c + " " + key + " [" + r + "," + col + "]");
            checked++;
          }
        }
      }
    }
    return checked;
  }

  @ParameterizedTest
  @MethodSource("perAxis")
  void aScaleForEachRowOrColumnAsOnnxRuntime(Path folder) {
    assertTrue(axisCase(folder, 0) > 200);
  }

  @ParameterizedTest
  @MethodSource("blocked")
  void aScaleForEachBlockAsOnnxRuntime(Path folder) {
    try (GoldenCase c = new GoldenCase(folder)) {
      assertTrue(axisCase(folder, c.parameters().path("block_size").asInt()) > 200);
    }
  }

  /** A million floats a setting: all bit patterns, a narrow range, exact half steps. */
  @ParameterizedTest
  @MethodSource("bulk")
  void aMillionFloatsAsOnnxRuntime(Path folder) throws Exception {
    try (GoldenCase c = new GoldenCase(folder)) {
      final int seed = c.parameters().path("seed").asInt();
      final Iterator<Map.Entry<String, JsonNode>> fields = c.expected().properties().iterator();
      int checked = 0;
      while (fields.hasNext()) {
        final Map.Entry<String, JsonNode> field = fields.next();
        // sha256.<type>.z<zero>.scale<scale>.<set>
        final String[] head = field.getKey().split("\\.", 4);
        final String rest = head[3].substring("scale".length());
        final float scale = (float) Double.parseDouble(rest.substring(0, rest.lastIndexOf('.')));
        final String set = rest.substring(rest.lastIndexOf('.') + 1);
        final Codes codes = Codes.of(head[1]);
        final int zero = Integer.parseInt(head[2].substring(1));
        final byte[] out = new byte[1_000_000];
        for (int i = 0; i < out.length; i++) {
          out[i] =
              (byte)
                  IntegerCodes.code(bulk(set, i, seed, scale), scale, zero, codes.low, codes.high);
        }
        assertEquals(
            field.getValue().asText(),
            HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(out)),
            field.getKey());
        checked++;
      }
      assertTrue(checked >= 24, "checked " + checked);
    }
  }

  private static float bulk(String set, int i, int seed, float scale) {
    final int bits = (int) (i * 2654435761L + seed * 40503L);
    return switch (set) {
      case "all" -> Float.intBitsToFloat(bits);
      case "narrow" -> (float) (bits / 2147483648.0 * 150);
      case "halves" -> (float) (Math.floor(bits / 2147483648.0 * 140) + 0.5) * scale;
      default -> throw new IllegalArgumentException(set);
    };
  }

  /** Numbers of QuantizeLinear that were run elsewhere: ties, and a division against a product. */
  @ParameterizedTest
  @CsvSource({
    "-1, 0.0117647061, 85, 0",
    "-0.4, 0.0117647061, 85, 51",
    "0, 0.0117647061, 85, 85",
    "0.1, 0.0117647061, 85, 93",
    "0.5, 0.0117647061, 85, 127",
    "2, 0.0117647061, 85, 255",
    "-0.5, 1, 1, 1",
    "0.5, 1, 1, 1",
    "1.5, 1, 1, 3",
    "2.5, 1, 1, 3"
  })
  void knownUnsignedCodes(float x, float scale, int zero, int code) {
    assertEquals(code, IntegerCodes.code(x, scale, zero, 0, 255));
  }

  @ParameterizedTest
  @CsvSource({
    "-2.5, 1, -2",
    "-1.5, 1, -2",
    "-0.5, 1, 0",
    "0.5, 1, 0",
    "1.5, 1, 2",
    "2.5, 1, 2",
    "-1.4206499, 0.0123, -115",
    "-11.15, 0.1, -111",
    "-12.05, 0.1, -120",
    "12.65, 0.1, 126",
    "12.75, 0.1, 127"
  })
  void knownSignedCodes(float x, float scale, int code) {
    assertEquals(code, IntegerCodes.code(x, scale, 0, -128, 127));
  }

  /** No level lies closer, in exact decimal arithmetic; a float quotient may miss a near tie. */
  @Test
  void everyCodeIsTheNearestLevel() {
    final Random random = new Random(2);
    int ties = 0;
    for (int i = 0; i < 20_000; i++) {
      final int bits = 2 + random.nextInt(7);
      final int low = -(1 << (bits - 1));
      final float scale = 0.001f + random.nextFloat();
      final int zero = low + random.nextInt(1 << bits);
      final float x = (float) (random.nextGaussian() * scale * (1 << (bits - 1)));
      final BigDecimal quotient =
          new BigDecimal(x).divide(new BigDecimal(scale), 30, RoundingMode.HALF_EVEN);
      final BigDecimal nearest =
          quotient
              .setScale(0, RoundingMode.HALF_EVEN)
              .add(BigDecimal.valueOf(zero))
              .max(BigDecimal.valueOf(low))
              .min(BigDecimal.valueOf(-low - 1));
      final int code = IntegerCodes.code(x, scale, zero, low, -low - 1);
      if (nearest.intValueExact() != code) {
        final double fraction = Math.abs(quotient.doubleValue() % 1);
        assertEquals(0.5, fraction, 1e-5, "x=" + x + " scale=" + scale); // 2^-24 of 128 steps
        ties++;
      }
    }
    assertTrue(ties < 20, "ties " + ties);
  }
}
