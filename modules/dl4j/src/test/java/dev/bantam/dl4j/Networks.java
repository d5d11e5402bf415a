package dev.bantam.dl4j;

import dev.bantam.checkpoint.Encoding;
import dev.bantam.model.Batch;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.graph.ElementWiseVertex;
import org.deeplearning4j.nn.conf.graph.MergeVertex;
import org.deeplearning4j.nn.conf.inputs.InputType;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Small networks as DL4J's users build them, and rows of numbers for them. */
final class Networks {
  static final int CLASSES = 3;

  private Networks() {}

  private static NeuralNetConfiguration.Builder builder() {
    return new NeuralNetConfiguration.Builder()
        .seed(7)
        .updater(new Adam(0.01))
        .activation(Activation.TANH);
  }

  private static OutputLayer output(int inputs) {
    return new OutputLayer.Builder(LossFunction.MCXENT)
        .nIn(inputs)
        .nOut(CLASSES)
        .activation(Activation.SOFTMAX)
        .build();
  }

  /** 5 numbers, with dropout, which predictions do not have. */
  static MultiLayerNetwork dense() {
    return started(
        builder()
            .list()
            .layer(new DenseLayer.Builder().nIn(5).nOut(8).dropOut(0.5).build())
            .layer(
                new DenseLayer.Builder()
                    .nIn(8)
                    .nOut(6)
                    .activation(Activation.RELU)
                    .hasLayerNorm(true)
                    .build())
            .layer(output(6)));
  }

  /** Images of 2 x 7 x 6, convolutions of both modes. */
  static MultiLayerNetwork convolution() {
    return started(
        builder()
            .list()
            .layer(
                new ConvolutionLayer.Builder(3, 2)
                    .nOut(4)
                    .stride(2, 1)
                    .padding(1, 1)
                    .activation(Activation.IDENTITY)
                    .build())
            .layer(new SubsamplingLayer.Builder().kernelSize(2, 2).stride(1, 1).build())
            .layer(
                new ConvolutionLayer.Builder(2, 3)
                    .nOut(5)
                    .stride(2, 2)
                    .dilation(1, 2)
                    .convolutionMode(ConvolutionMode.Same)
                    .activation(Activation.IDENTITY)
                    .build())
            .layer(output(0))
            .setInputType(InputType.convolutionalFlat(7, 6, 2)));
  }

  /** Series of 3 numbers. */
  static MultiLayerNetwork recurrent() {
    return started(
        builder()
            .list()
            .layer(new LSTM.Builder().nIn(3).nOut(4).build())
            .layer(new LastTimeStep(new LSTM.Builder().nIn(4).nOut(5).build()))
            .layer(output(5)));
  }

  /** 5 numbers, two branches and a sum. */
  static ComputationGraph graph() {
    final ComputationGraph graph =
        new ComputationGraph(
            builder()
                .graphBuilder()
                .addInputs("in")
                .addLayer("left_1", new DenseLayer.Builder().nIn(5).nOut(4).build(), "in")
                .addLayer("right", new DenseLayer.Builder().nIn(5).nOut(4).build(), "in")
                .addVertex(
                    "sum", new ElementWiseVertex(ElementWiseVertex.Op.Add), "left_1", "right")
                .addVertex("both", new MergeVertex(), "sum", "left_1")
                .addLayer("classes", output(8), "both")
                .setOutputs("classes")
                .build());
    graph.init();
    randomize(graph.params(), 11);
    return graph;
  }

  private static MultiLayerNetwork started(NeuralNetConfiguration.ListBuilder list) {
    final MultiLayerNetwork network = new MultiLayerNetwork(list.build());
    network.init();
    randomize(network.params(), 5);
    return network;
  }

  /** Biases, too, are no zeros. */
  private static void randomize(INDArray row, long seed) {
    final Random random = new Random(seed);
    for (long i = 0; i < row.length(); i++) {
      row.putScalar(i, row.getFloat(i) + 0.3f * (float) random.nextGaussian());
    }
  }

  /** [rows, width], values of a normal distribution. */
  static float[][] rows(int rows, int width, long seed) {
    final Random random = new Random(seed);
    final float[][] values = new float[rows][width];
    for (float[] row : values) {
      for (int i = 0; i < width; i++) {
        row[i] = (float) random.nextGaussian();
      }
    }
    return values;
  }

  static Batch batch(float[][] rows) {
    final List<Encoding> encodings = new ArrayList<>();
    for (float[] row : rows) {
      encodings.add(Encoding.ofFeatures(row));
    }
    return Batch.of(encodings);
  }

  /** One-hot rows. */
  static INDArray oneHot(int[] labels) {
    final INDArray hot = Nd4j.zeros(labels.length, CLASSES);
    for (int i = 0; i < labels.length; i++) {
      hot.putScalar(i, labels[i], 1);
    }
    return hot;
  }
}
