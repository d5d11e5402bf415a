package dev.bantam.runner;

import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.checkpoint.SafetensorsWriter;
import dev.bantam.tensor.AtomicFiles;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;

/** Small model folders to merge. */
final class MergeModels {
  private MergeModels() {}

  /** Tensors of an encoder with two layers, by name. */
  static Map<String, long[]> body(String prefix, int vocabulary, boolean pooler) {
    final Map<String, long[]> shapes = new LinkedHashMap<>();
    shapes.put(prefix + "embeddings.word_embeddings.weight", new long[] {vocabulary, 8});
    shapes.put(prefix + "embeddings.LayerNorm.weight", new long[] {8});
    for (int layer = 0; layer < 2; layer++) {
      final String name = prefix + "encoder.layer." + layer + ".";
      shapes.put(name + "attention.self.query.weight", new long[] {8, 8});
      shapes.put(name + "attention.self.query.bias", new long[] {8});
      shapes.put(name + "output.dense.weight", new long[] {8, 12});
    }
    if (pooler) {
      shapes.put(prefix + "pooler.dense.weight", new long[] {8, 8});
      shapes.put(prefix + "pooler.dense.bias", new long[] {8});
    }
    return shapes;
  }

  /** Adds a head for some labels. */
  static Map<String, long[]> with(Map<String, long[]> body, int labels) {
    final Map<String, long[]> shapes = new LinkedHashMap<>(body);
    shapes.put("classifier.weight", new long[] {labels, 8});
    shapes.put("classifier.bias", new long[] {labels});
    return shapes;
  }

  /**
   * Writes a folder: values of {@code base} and, for a seed other than 0, small differences.
   *
   * @param labels of the head, 0 for none
   */
  static Path write(Path folder, Map<String, long[]> shapes, long seed, int labels) {
    AtomicFiles.createFolders(folder);
    final SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
    shapes.forEach(
        (name, shape) ->
            writer.add(name, SafetensorsType.F32, shape, bytes(values(name, shape, seed))));
    writer.write(folder.resolve("model.safetensors"));
    final StringBuilder config =
        new StringBuilder("{\"model_type\": \"bert\", \"architectures\": [\"");
    config.append(labels > 0 ? "BertForSequenceClassification" : "BertModel").append("\"]");
    for (int i = 0; i < labels; i++) {
      config.append(i == 0 ? ", \"id2label\": {" : ", ");
      config.append('"').append(i).append("\": \"").append("L").append(i).append('"');
    }
    config.append(labels > 0 ? "}" : "").append("}");
    AtomicFiles.write(folder.resolve("config.json"), config.toString());
    return folder;
  }

  private static float[] values(String name, long[] shape, long seed) {
    int length = 1;
    for (long d : shape) {
      length *= (int) d;
    }
    final String plain = name.startsWith("bert.") ? name.substring(5) : name;
    final SplittableRandom base = new SplittableRandom(plain.hashCode());
    final SplittableRandom delta = new SplittableRandom(plain.hashCode() * 31L + seed);
    final float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) (base.nextDouble() - .5);
      values[i] += seed == 0 ? 0 : (float) (delta.nextDouble() - .5) * .01f;
    }
    return values;
  }

  private static byte[] bytes(float[] values) {
    final ByteBuffer buffer =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    buffer.asFloatBuffer().put(values);
    return buffer.array();
  }

  /** A tensor of a file. */
  static float[] read(SafetensorsFile file, String name) {
    final byte[] bytes = file.bytes(name);
    final ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (file.entry(name).type() == SafetensorsType.BF16) {
      final float[] values = new float[bytes.length / 2];
      for (int i = 0; i < values.length; i++) {
        values[i] = Float.intBitsToFloat(buffer.getShort(2 * i) << 16);
      }
      return values;
    }
    final float[] values = new float[bytes.length / Float.BYTES];
    buffer.asFloatBuffer().get(values);
    return values;
  }
}
