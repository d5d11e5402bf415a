package dev.bantam.runner;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.bantam.checkpoint.Encoding;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import onnx.Onnx;

/** An ONNX file in ONNX Runtime, as a user's program opens it. */
final class OrtFile implements AutoCloseable {
  private final OrtSession session;

  OrtFile(Path file) {
    try {
      session = OrtEnvironment.getEnvironment().createSession(file.toString());
    } catch (OrtException e) {
      throw new AssertionError("ONNX Runtime does not open " + file, e);
    }
  }

  /** The one output for inputs [rows, length] under their usual names. */
  float[] run(int rows, long[] ids, long[] mask, long[] types) {
    final Map<String, OnnxTensor> inputs = new HashMap<>();
    try {
      inputs.put("input_ids", tensor(rows, ids));
      inputs.put("attention_mask", tensor(rows, mask));
      if (session.getInputNames().contains("token_type_ids")) {
        inputs.put("token_type_ids", tensor(rows, types));
      }
      try (OrtSession.Result result = session.run(inputs)) {
        final FloatBuffer buffer = ((OnnxTensor) result.get(0)).getFloatBuffer();
        final float[] values = new float[buffer.remaining()];
        buffer.get(values);
        return values;
      }
    } catch (OrtException e) {
      throw new AssertionError(e);
    } finally {
      inputs.values().forEach(OnnxTensor::close);
    }
  }

  /** The one output for texts, padded to the longest. */
  float[] run(List<Encoding> texts) {
    final int length = texts.stream().mapToInt(Encoding::length).max().orElseThrow();
    final long[] ids = new long[texts.size() * length];
    final long[] mask = new long[ids.length];
    final long[] types = new long[ids.length];
    for (int s = 0; s < texts.size(); s++) {
      for (int t = 0; t < texts.get(s).length(); t++) {
        ids[s * length + t] = texts.get(s).ids()[t];
        types[s * length + t] = texts.get(s).typeIds()[t];
        mask[s * length + t] = 1;
      }
    }
    return run(texts.size(), ids, mask, types);
  }

  private static OnnxTensor tensor(int rows, long[] values) throws OrtException {
    return OnnxTensor.createTensor(
        OrtEnvironment.getEnvironment(),
        LongBuffer.wrap(values),
        new long[] {rows, values.length / rows});
  }

  /** The tensors that a file stores, by name. */
  static Map<String, Onnx.TensorProto> stored(Path file) {
    try {
      final Map<String, Onnx.TensorProto> tensors = new HashMap<>();
      Onnx.ModelProto.parseFrom(Files.readAllBytes(file))
          .getGraph()
          .getInitializerList()
          .forEach(t -> tensors.put(t.getName(), t));
      return tensors;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    try {
      session.close();
    } catch (OrtException e) {
      throw new AssertionError(e);
    }
  }
}
