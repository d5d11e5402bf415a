package dev.bantam.export.onnx;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions.OptLevel;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A file opened by ONNX Runtime. */
final class OrtModel implements AutoCloseable {
  private final OrtSession session;

  /**
   * @param optimised whether with all of its graph optimisations, or with none
   */
  OrtModel(Path file, boolean optimised) {
    this(file, optimised, null);
  }

  /**
   * @param rewritten where to save the optimised graph; may be null
   */
  OrtModel(Path file, boolean optimised, Path rewritten) {
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setOptimizationLevel(optimised ? OptLevel.ALL_OPT : OptLevel.NO_OPT);
      options.setIntraOpNumThreads(1);
      if (rewritten != null) {
        options.setOptimizedModelFilePath(rewritten.toString());
      }
      session = OrtEnvironment.getEnvironment().createSession(file.toString(), options);
    } catch (OrtException e) {
      throw new AssertionError("ONNX Runtime does not open " + file, e);
    }
  }

  List<String> inputs() {
    return List.copyOf(session.getInputNames());
  }

  /** The first output. */
  float[] run(Map<String, long[]> inputs, int batch) {
    final Map<String, OnnxTensor> tensors = new HashMap<>();
    try {
      for (Map.Entry<String, long[]> input : inputs.entrySet()) {
        tensors.put(
            input.getKey(),
            OnnxTensor.createTensor(
                OrtEnvironment.getEnvironment(),
                LongBuffer.wrap(input.getValue()),
                new long[] {batch, input.getValue().length / batch}));
      }
      try (OrtSession.Result result = session.run(tensors)) {
        final FloatBuffer buffer = ((OnnxTensor) result.get(0)).getFloatBuffer();
        final float[] values = new float[buffer.remaining()];
        buffer.get(values);
        return values;
      }
    } catch (OrtException e) {
      throw new AssertionError(e);
    } finally {
      tensors.values().forEach(OnnxTensor::close);
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
