// A Java client with the JDK's own HTTP client. usage: java Fetch.java URL
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

public class Fetch {
	public static void main(String[] args) throws Exception {
		HttpResponse<byte[]> answer = HttpClient.newHttpClient().send(
		    HttpRequest.newBuilder(URI.create(args[0])).build(), HttpResponse.BodyHandlers.ofByteArray());
		System.out.println(answer.version() + " " + answer.statusCode() + " " + answer.body().length);
		System.exit(answer.statusCode() == 200 ? 0 : 1);
	}
}
